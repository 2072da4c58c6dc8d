public import Checkpoint

/// A checkpoint beside the model, known by its content: what a merge or a task vector takes weights from.
public struct OtherCheckpoint: Sendable, Equatable {
    public var path: String
    /// Of what each decoder layer computes with; the first and the last one's with embedding, final norm and head
    /// (`Checkpoint.digest(layers:isFirst:isLast:)`).
    public var digests: [String]

    public init(path: String, digests: [String]) { (self.path, self.digests) = (path, digests) }

    /// Reads the whole checkpoint once, for its digests.
    /// - Throws: `CheckpointError` where it cannot be read; as `check`.
    public init(path: String, for config: ModelConfig) throws {
        let checkpoint = try Checkpoint.open(path)
        try Self.check(checkpoint.config, at: path, against: config)
        self.init(path: path, digests: (0..<config.layerCount).map { Self.digest(checkpoint, $0) })
    }

    private static func digest(_ checkpoint: Checkpoint, _ layer: Int) -> String {
        checkpoint.digest(
            layers: layer..<layer + 1, isFirst: layer == 0, isLast: layer == checkpoint.config.layerCount - 1)
    }

    /// Equal where their weights are, wherever they lie.
    public static func == (a: Self, b: Self) -> Bool { a.digests == b.digests }

    /// This machine's copy, after a look at the layers that it is read for.
    /// - Throws: where it cannot be read; as `check`; `SelectionError.file` where a layer's content is another than the edit
    ///   was made with.
    func opened(_ files: EditFiles, layers: Range<Int>, config: ModelConfig) throws -> any WeightSource {
        let source = try files.checkpoint(path)
        try Self.check(source.config, at: path, against: config)
        guard let checkpoint = source as? Checkpoint else { return source }
        for layer in layers {
            guard digests.indices.contains(layer), Self.digest(checkpoint, layer) == digests[layer] else {
                throw SelectionError.file(
                    path,
                    fault: "layer \(layer) here is another than the coordinator's; copy the same files to every machine"
                )
            }
        }
        return source
    }

    /// Whether weights of two models may be mixed: every tensor of one is in the other, in the same shape, and both compute
    /// with them alike.
    /// - Throws: `SelectionError.file`, naming the first thing that differs.
    public static func check(_ other: ModelConfig, at path: String, against own: ModelConfig) throws(SelectionError) {
        guard other.architecture == own.architecture else {
            throw .file(
                path,
                fault: "is a \(other.architecture.rawValue) model, and the study's a \(own.architecture.rawValue) one")
        }
        let theirs = Dictionary(other.tensorShapes.map { ($0.name, $0.shape) }) { first, _ in first }
        let names = Set(own.tensorShapes.map(\.name))
        for (name, shape) in own.tensorShapes {
            guard let found = theirs[name] else { throw .file(path, map: name, fault: "only the study's model has it") }
            guard found == shape else { throw .shape(map: "\(path): \(name)", expected: shape, found: found) }
        }
        if let (name, _) = other.tensorShapes.first(where: { !names.contains($0.name) }) {
            throw .file(path, map: name, fault: "the study's model has no such tensor")
        }
        let settings: [(String, Bool)] = [
            ("number of attention heads", other.headCount == own.headCount),
            ("number of key-value heads", other.keyValueHeadCount == own.keyValueHeadCount),
            ("head size", other.headDim == own.headDim), ("norm epsilon", other.normEpsilon == own.normEpsilon),
            ("rope theta", other.ropeTheta == own.ropeTheta), ("rope scaling", other.ropeScaling == own.ropeScaling),
            ("sliding window", other.slidingWindows == own.slidingWindows),
        ]
        if let (name, _) = settings.first(where: { !$0.1 }) {
            throw .file(path, fault: "its \(name) is not that of the study's model: their weights do not mix")
        }
    }
}
