public import Checkpoint
import Tensors

/// A direction in the space of a model's weights, read from a safetensors file: for every weight but the norms a tensor of
/// its name and shape, F32, F16 or BF16. Norms may be there; whether they count is the edit's affair.
public struct DirectionFile: Sendable {
    public let path: String
    private let file: SafetensorsFile

    /// - Throws: `TensorFileError` where it is no safetensors file.
    public init(path: String) throws {
        self.path = path
        file = try SafetensorsFile(path: path)
    }

    /// Checks names, shapes and values against a model's.
    /// - Throws: `SelectionError.missing`, `.shape` or `.file` naming the first tensor that does not fit.
    public func check(against config: ModelConfig) throws {
        var known: Set<String> = []
        for (name, shape) in config.tensorShapes {
            known.insert(name)
            guard let tensor = file.description(of: name) else {
                if Perturbation.isNorm(name) { continue }
                throw SelectionError.missing(map: name, source: path)
            }
            guard tensor.shape == shape else {
                throw SelectionError.shape(map: "\(path): \(name)", expected: shape, found: tensor.shape)
            }
            guard [.f32, .f16, .bf16].contains(tensor.type) else {
                throw SelectionError.file(path, map: name, fault: "is neither F32, F16 nor BF16")
            }
            let columns = shape.dropFirst().reduce(1, *)
            let step = max(1, (1 << 18) / columns)
            let buffer = AlignedBuffer(floats: min(step, shape[0]) * columns, zeroed: false)
            for start in stride(from: 0, to: shape[0], by: step) {
                let rows = start..<min(start + step, shape[0])
                read(name, rows: rows, columns: columns, into: buffer.floats.baseAddress!)
                guard buffer.floats[..<(rows.count * columns)].allSatisfy(\.isFinite) else {
                    throw SelectionError.file(path, map: name, fault: "holds a value that is no finite number")
                }
            }
        }
        if let other = file.tensors.first(where: { !known.contains($0.name) }) {
            throw SelectionError.file(path, map: other.name, fault: "is no weight of the model")
        }
    }

    /// Share of a direction's squares up to which what is orthogonal to another one is rounding.
    static let parallel = 1e-12

    /// Whether every tensor but the norms is a multiple of another file's, so that nothing of it is orthogonal to that.
    /// - Parameter other: fits the model, as this one does (`check`).
    public func isParallel(to other: DirectionFile, config: ModelConfig) -> Bool {
        config.tensorShapes.allSatisfy { name, shape in
            if Perturbation.isNorm(name) { return true }
            let columns = shape.dropFirst().reduce(1, *)
            let step = min(shape[0], max(1, (1 << 18) / columns))
            let (own, theirs) = (AlignedBuffer(floats: step * columns), AlignedBuffer(floats: step * columns))
            var (first, both, second) = (0.0, 0.0, 0.0)
            for start in stride(from: 0, to: shape[0], by: step) {
                let rows = start..<min(start + step, shape[0])
                read(name, rows: rows, columns: columns, into: own.floats.baseAddress!)
                other.read(name, rows: rows, columns: columns, into: theirs.floats.baseAddress!)
                for index in 0..<rows.count * columns {
                    let (x, y) = (Double(theirs.floats[index]), Double(own.floats[index]))
                    first += x * x
                    both += x * y
                    second += y * y
                }
            }
            return second - (first > 0 ? both / first * both : 0) <= Self.parallel * second
        }
    }

    /// Rows of a tensor, widened to F32; zeros where the file has none.
    func read(_ name: String, rows: Range<Int>, columns: Int, into destination: UnsafeMutablePointer<Float>) {
        let count = rows.count * columns
        let isThere: Bool? = file.description(of: name).flatMap { tensor in
            file.withBytes(of: name) { bytes in
                Conversion.widen(
                    bytes.baseAddress! + rows.lowerBound * columns * tensor.type.byteCount, tensor.type, count: count,
                    into: destination)
            }
        }
        if isThere != true { destination.update(repeating: 0, count: count) }
    }
}
