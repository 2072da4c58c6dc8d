public import Checkpoint
public import Tensors

/// An edit that adds a vector to the residual stream at the output of some decoder blocks, from a position of every
/// sequence on; weights stay as they are.
///
/// As tensors: `vector.L` F32 [hidden size] for every block L that it changes; `from` I32 [1], a position counted from the
/// sequence's first token, or −1 for the prompt's last token; and where a gate names its prompts, `gate.tokens` I32, the
/// tokens of all of them one after the other, and `gate.lengths` I32. Without a gate it is for all prompts.
public struct Steering: WeightEdit {
    public static let kind = EditKind.steering
    public static let title = "steering"
    static let format = "faultline-steering"

    /// Where it begins.
    public enum Start: Sendable, Equatable {
        case lastPromptToken
        /// Counted from 0.
        case position(Int)
    }

    /// What is added at each block's output, by the block's number.
    public var vectors: [Int: [Float]]
    public var start: Start
    /// The prompts that it is for; `nil`: all.
    public var gate: Set<[Int32]>?
    public var metadata: [String: String]

    public init(
        vectors: [Int: [Float]], start: Start, gate: Set<[Int32]>? = nil, metadata: [String: String] = [:]
    ) {
        (self.vectors, self.start, self.gate, self.metadata) = (vectors, start, gate, metadata)
    }

    public init(bundle: TensorBundle, source: String) throws(SelectionError) {
        guard try EditKind.of(bundle) == Self.kind else { throw .file(source, fault: "is no steering edit") }
        vectors = [:]
        for entry in bundle.entries {
            guard let layer = Self.layer(of: entry.name) else { continue }
            guard entry.type == .f32, entry.shape.count == 1 else {
                throw .file(source, map: entry.name, fault: "is no F32 vector")
            }
            vectors[layer] = entry.buffer.floatArray()
        }
        if let name = NotFinite.entry(of: bundle.entries) {
            throw .file(source, map: name, fault: "holds a value that is no finite number")
        }
        guard let from = Self.integers(bundle, Self.from), from.count == 1, from[0] >= -1 else {
            throw .file(source, map: Self.from, fault: "is no I32 [1] of at least -1")
        }
        start = from[0] < 0 ? .lastPromptToken : .position(Int(from[0]))
        gate = try Self.gate(bundle, source)
        metadata = bundle.metadata
        for key in [EditKind.key, "format"] { metadata[key] = nil }
    }

    private static func gate(_ bundle: TensorBundle, _ source: String) throws(SelectionError) -> Set<[Int32]>? {
        guard bundle[tokens] != nil || bundle[lengths] != nil else { return nil }
        guard let all = integers(bundle, tokens), let counts = integers(bundle, lengths), counts.allSatisfy({ $0 > 0 }),
            counts.reduce(0, { $0 + Int($1) }) == all.count
        else { throw .file(source, map: tokens, fault: "does not hold as many tokens as \(lengths) says") }
        var prompts: Set<[Int32]> = []
        var start = 0
        for count in counts {
            prompts.insert(Array(all[start..<start + Int(count)]))
            start += Int(count)
        }
        return prompts
    }

    private static func integers(_ bundle: TensorBundle, _ name: String) -> [Int32]? {
        guard let entry = bundle[name], entry.type == .i32, entry.shape.count == 1 else { return nil }
        return entry.buffer.int32Array()
    }

    /// What the names of vectors begin with.
    public static let vector = "vector."
    private static let from = "from"
    private static let tokens = "gate.tokens"
    private static let lengths = "gate.lengths"

    /// L of `vector.L`.
    public static func layer(of name: String) -> Int? {
        name.hasPrefix(vector) ? Int(name.dropFirst(vector.count)) : nil
    }

    /// Equal edits have equal bytes: vectors by their block, prompts in the order of their tokens.
    public var bundle: TensorBundle {
        var entries = vectors.sorted { $0.key < $1.key }.map { layer, values in
            TensorBundle.Entry(
                name: Self.vector + "\(layer)", type: .f32, shape: [values.count], buffer: AlignedBuffer(values))
        }
        func add(_ name: String, _ values: [Int32]) {
            entries.append(.init(name: name, type: .i32, shape: [values.count], buffer: AlignedBuffer(values)))
        }
        switch start {
        case .lastPromptToken: add(Self.from, [-1])
        case .position(let position): add(Self.from, [Int32(position)])
        }
        if let gate {
            let prompts = gate.sorted { $0.lexicographicallyPrecedes($1) }
            add(Self.tokens, prompts.flatMap { $0 })
            add(Self.lengths, prompts.map { Int32($0.count) })
        }
        let header = metadata.merging([EditKind.key: Self.kind.rawValue, "format": Self.format]) { $1 }
        return TensorBundle(metadata: header, entries: entries)
    }

    /// The vectors of the stage's blocks; all stages get the position and the gate.
    public static func share(_ bundle: TensorBundle, of place: StagePlace) -> [TensorBundle.Entry] {
        bundle.entries.filter { layer(of: $0.name).map { place.layers.contains($0) } ?? true }
    }

    public var extent: EditExtent { EditExtent() }
    public var adapter: LowRankEdit? { nil }

    public func reasonForNoEffect(in model: any WeightSource) -> String? {
        if gate?.isEmpty == true { return "its gate names no prompt that is put" }
        return vectors.values.contains { $0.contains { $0 != 0 } } ? nil : "its vectors are zero"
    }

    public func rewrite() throws(SelectionError) -> WeightRewrite { throw .notExported(Self.title) }

    /// - Parameter prompt: tokens before the response.
    /// - Returns: the first position of a sequence with this prompt that is changed; `nil`: the gate leaves it out.
    public func firstPosition(prompt: [Int32]) -> Int? {
        guard gate?.contains(prompt) ?? true else { return nil }
        return switch start {
        case .lastPromptToken: max(0, prompt.count - 1)
        case .position(let position): position
        }
    }

    /// Checks the vectors against a model.
    /// - Throws: `SelectionError.shape`, `SelectionError.missing`.
    public func check(against config: ModelConfig, named source: String) throws(SelectionError) {
        for (layer, values) in vectors.sorted(by: { $0.key < $1.key }) {
            guard layer < config.layerCount else { throw .missing(map: "block \(layer)", source: "the model") }
            guard values.count == config.hiddenSize else {
                throw .shape(map: "\(source), block \(layer)", expected: [config.hiddenSize], found: [values.count])
            }
        }
    }
}
