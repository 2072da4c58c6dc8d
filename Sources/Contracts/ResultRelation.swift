import Protocol
import Tensors

/// What has to hold inside a result whose tensors are right each by itself.
package enum ResultRelation: Sendable, Equatable {
    /// `lengths` say how `tokens` are cut into answers.
    case answers
    /// A map's directions stand beside as many singular values, which decrease, and are orthonormal.
    case subspace(directions: String, values: String)
    /// An upper triangle, row by row, has no negative value on its diagonal.
    case diagonal(String, dimension: Int)

    /// How far columns may be from orthonormal (`Orthonormality.residual`); rounding to F32 gives about 10⁻⁶.
    static let tolerance = 1e-3

    func fault(in bundle: TensorBundle) -> String? {
        switch self {
        case .answers: Self.answers(bundle)
        case .subspace(let directions, let values): Self.subspace(bundle, directions, values)
        case .diagonal(let name, let dimension): Self.diagonal(bundle, name, dimension)
        }
    }

    private static func answers(_ bundle: TensorBundle) -> String? {
        guard let tokens = bundle[ResultName.tokens], let lengths = bundle[ResultName.lengths] else {
            return "it holds no answers"
        }
        let sum = lengths.buffer.int32Array().reduce(0) { $0 + Int($1) }
        guard sum != tokens.shape[0] else { return nil }
        return "lengths: they add up to \(sum), and there are \(tokens.shape[0]) tokens"
    }

    private static func subspace(_ bundle: TensorBundle, _ name: String, _ valuesName: String) -> String? {
        guard let directions = bundle[name], let values = bundle[valuesName], directions.shape.count == 2 else {
            return "\(name) is missing"
        }
        let (rows, columns) = (directions.shape[0], directions.shape[1])
        guard values.shape == [columns] else {
            return "\(valuesName): \(values.shape[0]) values for \(columns) directions"
        }
        let sizes = values.buffer.address.assumingMemoryBound(to: Double.self)
        for index in 1..<max(1, columns) where sizes[index] > sizes[index - 1] {
            return "\(valuesName): element \(index) is larger than the one before it"
        }
        guard columns <= rows, Orthonormality.residual(directions.buffer, rows: rows, columns: columns) < tolerance
        else {
            return "\(name): its directions are not orthonormal"
        }
        return nil
    }

    private static func diagonal(_ bundle: TensorBundle, _ name: String, _ dimension: Int) -> String? {
        guard let packed = bundle[name] else { return "\(name) is missing" }
        let values = packed.buffer.address.assumingMemoryBound(to: Double.self)
        var place = 0
        for row in 0..<dimension {
            if values[place] < 0 { return "\(name): element \(place), of the diagonal, is \(values[place])" }
            place += dimension - row
        }
        return nil
    }
}
