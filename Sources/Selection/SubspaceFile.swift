public import Tensors

/// Orthonormal directions of every linear map's outputs, by decreasing singular value of W X.
///
/// A safetensors file with, per map, F32 [d_out × r] under the weight's own name and F64 [r] under
/// `singular_values.NAME`; r is at most the numerical rank of W X.
public struct SubspaceFile: Sendable {
    public static let format = "faultline-subspace"
    public static let version = Provenance.version

    public let label: String
    /// The maps, in the file's order; `columns` is the number of directions.
    public let maps: [WeightShape]
    public let metadata: [String: String]
    private let file: SafetensorsFile
    private let places: [String: WeightShape]

    public static func singularValues(_ weight: String) -> String { "singular_values." + weight }

    /// - Throws: `TensorFileError`; `SelectionError.file` where it is no subspace file.
    public init(path: String) throws {
        file = try SafetensorsFile(path: path)
        label = path
        metadata = Provenance.comparable(file.metadata)
        guard metadata["format"] == Self.format else {
            throw SelectionError.file(
                path, fault: "not a subspace file (metadata format is \(metadata["format"] ?? "missing"))")
        }
        guard let version = metadata["version"], Provenance.readable.contains(version) else {
            throw SelectionError.file(
                path,
                fault: "subspace version \(metadata["version"] ?? "missing"), this program reads \(Self.version)")
        }
        var maps: [WeightShape] = []
        for tensor in file.tensors where !tensor.name.hasPrefix("singular_values.") {
            guard tensor.type == .f32, tensor.shape.count == 2, tensor.shape[1] <= tensor.shape[0] else {
                throw SelectionError.file(
                    path, map: tensor.name,
                    fault: "directions are F32 [d_out × r], not \(tensor.type.rawValue) \(tensor.shape)")
            }
            let values = file.description(of: Self.singularValues(tensor.name))
            guard values?.type == .f64, values?.shape == [tensor.shape[1]] else {
                throw SelectionError.file(path, map: tensor.name, fault: "has no singular value for every direction")
            }
            maps.append(WeightShape(name: tensor.name, rows: tensor.shape[0], columns: tensor.shape[1]))
        }
        guard !maps.isEmpty else { throw SelectionError.file(path, fault: "holds no subspaces") }
        self.maps = maps
        places = Dictionary(maps.map { ($0.name, $0) }) { first, _ in first }
    }

    /// Rows d_out and directions r of a map.
    /// - Throws: `SelectionError.missing`.
    public func shape(of weight: String) throws(SelectionError) -> WeightShape {
        guard let place = places[weight] else { throw .missing(map: weight, source: label) }
        return place
    }

    /// Whether the data shows more directions of a map than the file was made to hold (`subspace find --rank`).
    /// - Throws: `SelectionError.missing`; `.rank` where the limit is not below the map's rank.
    public func isLimited(_ map: WeightShape) throws(SelectionError) -> Bool {
        guard let limit = metadata["rank"].flatMap({ RankAmount($0) }) else { return false }
        return try shape(of: map.name).columns == limit.count(in: map, name: "rank")
    }

    /// Chosen directions of a map, one a row: F32 [columns.count × d_out].
    /// - Throws: `SelectionError.missing`.
    public func directions(of weight: String, columns: [Int]) throws(SelectionError) -> AlignedBuffer {
        let place = try shape(of: weight)
        let result = AlignedBuffer(floats: columns.count * place.rows, zeroed: false)
        file.withBytes(of: weight) { bytes in
            for (row, column) in columns.enumerated() {
                precondition(column < place.columns, "\(weight): direction \(column) of \(place.columns)")
                for i in 0..<place.rows {
                    result.floats[row * place.rows + i] = bytes.loadUnaligned(
                        fromByteOffset: (i * place.columns + column) * 4, as: Float.self)
                }
            }
        }
        guard (0..<columns.count * place.rows).allSatisfy({ result.floats[$0].isFinite }) else {
            throw .file(label, map: weight, fault: "holds a direction that is no finite number")
        }
        return result
    }

    /// Singular values of W X, decreasing.
    /// - Throws: `SelectionError.missing`.
    public func singularValues(of weight: String) throws(SelectionError) -> [Double] {
        let count = try shape(of: weight).columns
        return file.withBytes(of: Self.singularValues(weight)) { bytes in
            (0..<count).map { bytes.loadUnaligned(fromByteOffset: $0 * 8, as: Double.self) }
        } ?? []
    }
}
