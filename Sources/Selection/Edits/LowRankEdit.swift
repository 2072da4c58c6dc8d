import CKernels
public import Checkpoint
public import Tensors

/// A change of linear maps by few ranks: W + left · right, left [d_out × k], right [k × d_in].
///
/// As a file: safetensors with F32 `left.NAME` and `right.NAME` for every changed map; maps without a change are absent.
///
/// The embedding and the head may be changed like maps, by the names that an untied checkpoint gives them. Where the
/// embedding is the head as well (tied), a change of the embedding alone is one of its rows as they are looked up: the head
/// stays what the checkpoint has. A change of the tensor itself is named twice, with equal factors.
public struct LowRankEdit: WeightEdit {
    public static let kind = EditKind.lowRank
    public static let title = "low-rank edit"
    public static let format = "faultline-low-rank"
    public static let version = Provenance.version

    public static func left(_ weight: String) -> String { "left." + weight }
    public static func right(_ weight: String) -> String { "right." + weight }

    /// k of the change P_n … P_1 W of a map (`LowRankFactors`): the fewest directions that one of its projections has, or
    /// leaves where it is the complement of so many; else as many as W has rows or columns. 0: no change.
    public static func rank(
        of projections: [(isComplement: Bool, directions: Int)], rows: Int, columns: Int
    ) -> Int {
        guard !projections.isEmpty else { return 0 }
        let most = min(rows, columns)
        let direct = projections.filter { !$0.isComplement }.map(\.directions).min()
        let left = projections.filter(\.isComplement).map { rows - $0.directions }.min() ?? .max
        return min(direct ?? most, left)
    }

    public struct Map: Sendable {
        public let shape: WeightShape
        /// k
        public let rank: Int
        public let left: AlignedBuffer
        public let right: AlignedBuffer
    }

    public var maps: [Map]
    public var metadata: [String: String]

    public init(maps: [Map], metadata: [String: String] = [:]) { (self.maps, self.metadata) = (maps, metadata) }

    /// Ranks of the change in all maps together.
    public var rank: Int { maps.reduce(0) { $0 + $1.rank } }
    public subscript(weight: String) -> Map? { maps.first { $0.shape.name == weight } }

    /// - Parameter source: names the bundle in errors.
    /// - Throws: `SelectionError.file` where the bundle is no such edit.
    public init(bundle: TensorBundle, source: String) throws(SelectionError) {
        guard bundle.metadata["format"] == Self.format else {
            throw .file(
                source,
                fault: "not a low-rank edit (metadata format is \(bundle.metadata["format"] ?? "missing"))")
        }
        guard let version = bundle.metadata["version"], Provenance.readable.contains(version) else {
            throw .file(
                source,
                fault: "version \(bundle.metadata["version"] ?? "missing"), this program reads \(Self.version)")
        }
        let byName = Dictionary(bundle.entries.map { ($0.name, $0) }) { first, _ in first }
        var maps: [Map] = []
        for entry in bundle.entries {
            guard entry.name.hasPrefix("left.") else {
                guard entry.name.hasPrefix("right."), byName["left." + entry.name.dropFirst(6)] != nil else {
                    throw .file(source, map: entry.name, fault: "no left factor goes with it")
                }
                continue
            }
            let weight = String(entry.name.dropFirst(5))
            guard let right = byName[Self.right(weight)], entry.type == .f32, right.type == .f32,
                entry.shape.count == 2, right.shape.count == 2, entry.shape[1] == right.shape[0]
            else { throw .file(source, map: weight, fault: "its factors are no F32 [d_out × k] and [k × d_in]") }
            maps.append(
                Map(
                    shape: WeightShape(name: weight, rows: entry.shape[0], columns: right.shape[1]),
                    rank: entry.shape[1], left: entry.buffer, right: right.buffer))
        }
        if let name = NotFinite.entry(of: bundle.entries) {
            throw .file(source, map: name, fault: "holds a value that is no finite number")
        }
        self.maps = maps
        metadata = Provenance.comparable(bundle.metadata)
        for key in ["format", "version", EditKind.key, "ranks"] { metadata[key] = nil }
    }

    /// - Throws: `TensorFileError` or `SelectionError.file`.
    public init(contentsOf path: String) throws {
        try self.init(bundle: try TensorBundle(mapping: path), source: path)
    }

    /// The edit as tensors, as the workers and a file get it.
    public var bundle: TensorBundle {
        var header = metadata
        header["format"] = Self.format
        header["version"] = Self.version
        header[EditKind.key] = Self.kind.rawValue
        header["ranks"] = "\(rank)"
        return TensorBundle(
            metadata: header,
            entries: maps.flatMap { map in
                [
                    .init(
                        name: Self.left(map.shape.name), type: .f32, shape: [map.shape.rows, map.rank],
                        buffer: map.left),
                    .init(
                        name: Self.right(map.shape.name), type: .f32, shape: [map.rank, map.shape.columns],
                        buffer: map.right),
                ]
            })
    }

    /// Checks that every changed matrix is a weight of this model, in this shape.
    /// - Throws: `SelectionError`.
    public func check(against model: any WeightSource, named source: String) throws(SelectionError) {
        for map in maps {
            let name = map.shape.name
            let isTiedHead = name == ModelConfig.headName && model.config.tiedEmbeddings
            if isTiedHead, !isSameAsEmbedding(map) {
                throw .file(
                    source, map: name,
                    fault: "the model's head is its embedding, which is changed otherwise, or not at all")
            }
            guard let shape = model.shape(of: isTiedHead ? ModelConfig.embeddingName : name) else {
                throw .missing(map: map.shape.name, source: source)
            }
            guard shape == [map.shape.rows, map.shape.columns] else {
                throw .shape(
                    map: "\(source): \(name)", expected: shape, found: [map.shape.rows, map.shape.columns])
            }
        }
    }

    private func isSameAsEmbedding(_ map: Map) -> Bool {
        guard let rows = self[ModelConfig.embeddingName], rows.rank == map.rank else { return false }
        return rows.left.byteArray() == map.left.byteArray() && rows.right.byteArray() == map.right.byteArray()
    }

    /// The embedding's factors go to the first stage, the head's to the last.
    public static func share(_ bundle: TensorBundle, of place: StagePlace) -> [TensorBundle.Entry] {
        place.entries(of: bundle) { name in
            if name.hasSuffix(ModelConfig.embeddingName) { return place.isFirst }
            return name.hasSuffix(ModelConfig.headName) ? place.isLast : true
        }
    }

    public var leavesHead: Bool { self[ModelConfig.embeddingName] != nil && self[ModelConfig.headName] == nil }

    public var extent: EditExtent { EditExtent(ranks: rank) }
    public var adapter: LowRankEdit? { self }

    public func reasonForNoEffect(in model: any WeightSource) -> String? {
        guard rank > 0 else { return "its rank is 0 in every map" }
        let changes = maps.contains { map in
            map.rank > 0 && map.left.floats.contains { $0 != 0 } && map.right.floats.contains { $0 != 0 }
        }
        return changes ? nil : "its factors are zero"
    }

    /// As the workers do it, to the bit.
    /// - Throws: nothing: every such edit can be written into weights.
    public func rewrite() throws(SelectionError) -> WeightRewrite {
        let maps = Dictionary(self.maps.map { ($0.shape.name, $0) }) { first, _ in first }
        return { name, rows, values in
            guard let map = maps[name] else { return }
            fl_low_rank_add(
                values, map.left.floats.baseAddress! + rows.lowerBound * map.rank, map.right.floats.baseAddress!,
                map.rank, rows.count, map.shape.columns)
        }
    }
}
