public import Checkpoint
public import Tensors

/// An edit that adds a vector to the residual stream at the output, or at the input, of some decoder blocks, from a position
/// of every sequence on; weights stay as they are.
///
/// As tensors: `vector.L` F32 [hidden size] for every block L whose output it changes, `input.L` for every block whose input
/// it changes; `from` I32 [1], a position counted from the
/// sequence's first token, or −1 for the prompt's last token; and where a gate names its prompts, `gate.tokens` I32, the
/// tokens of all of them one after the other, and `gate.lengths` I32. Without a gate it is for all prompts. Prompts of
/// `opposite.tokens` and `opposite.lengths` have the vectors subtracted in place of added.
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
    /// What is added at each block's input.
    public var inputs: [Int: [Float]]
    public var start: Start
    /// The prompts that it is for; `nil`: all.
    public var gate: Set<[Int32]>?
    /// Prompts from whose states the vectors are subtracted; they need not stand in the gate.
    public var opposite: Set<[Int32]>
    public var metadata: [String: String]

    public init(
        vectors: [Int: [Float]], inputs: [Int: [Float]] = [:], start: Start, gate: Set<[Int32]>? = nil,
        opposite: Set<[Int32]> = [], metadata: [String: String] = [:]
    ) {
        (self.vectors, self.inputs, self.start) = (vectors, inputs, start)
        (self.gate, self.opposite) = (gate, opposite)
        self.metadata = metadata
    }

    public init(bundle: TensorBundle, source: String) throws(SelectionError) {
        guard try EditKind.of(bundle) == Self.kind else { throw .file(source, fault: "is no steering edit") }
        vectors = try Self.vectors(of: bundle, Self.vector, source)
        inputs = try Self.vectors(of: bundle, Self.input, source)
        if let name = NotFinite.entry(of: bundle.entries) {
            throw .file(source, map: name, fault: "holds a value that is no finite number")
        }
        guard let from = Self.integers(bundle, Self.from), from.count == 1, from[0] >= -1 else {
            throw .file(source, map: Self.from, fault: "is no I32 [1] of at least -1")
        }
        start = from[0] < 0 ? .lastPromptToken : .position(Int(from[0]))
        gate = try Self.prompts(bundle, Self.gatePrompts, source)
        opposite = try Self.prompts(bundle, Self.oppositePrompts, source) ?? []
        metadata = bundle.metadata
        for key in [EditKind.key, "format"] { metadata[key] = nil }
    }

    private static func vectors(
        of bundle: TensorBundle, _ prefix: String, _ source: String
    ) throws(SelectionError) -> [Int: [Float]] {
        var vectors: [Int: [Float]] = [:]
        for entry in bundle.entries {
            guard let layer = Self.layer(of: entry.name, prefix) else { continue }
            guard entry.type == .f32, entry.shape.count == 1 else {
                throw .file(source, map: entry.name, fault: "is no F32 vector")
            }
            vectors[layer] = entry.buffer.floatArray()
        }
        return vectors
    }

    private static func prompts(
        _ bundle: TensorBundle, _ names: (tokens: String, lengths: String), _ source: String
    ) throws(SelectionError) -> Set<[Int32]>? {
        let (tokens, lengths) = names
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
    private static let input = "input."
    private static let from = "from"
    private static let gatePrompts = (tokens: "gate.tokens", lengths: "gate.lengths")
    private static let oppositePrompts = (tokens: "opposite.tokens", lengths: "opposite.lengths")

    /// L of `vector.L`.
    public static func layer(of name: String) -> Int? { layer(of: name, vector) }

    private static func layer(of name: String, _ prefix: String) -> Int? {
        name.hasPrefix(prefix) ? Int(name.dropFirst(prefix.count)) : nil
    }

    /// Equal edits have equal bytes: vectors by their block, prompts in the order of their tokens.
    public var bundle: TensorBundle {
        var entries: [TensorBundle.Entry] = []
        for (prefix, vectors) in [(Self.vector, vectors), (Self.input, inputs)] {
            entries += vectors.sorted { $0.key < $1.key }.map { layer, values in
                TensorBundle.Entry(
                    name: prefix + "\(layer)", type: .f32, shape: [values.count], buffer: AlignedBuffer(values))
            }
        }
        func add(_ name: String, _ values: [Int32]) {
            entries.append(.init(name: name, type: .i32, shape: [values.count], buffer: AlignedBuffer(values)))
        }
        switch start {
        case .lastPromptToken: add(Self.from, [-1])
        case .position(let position): add(Self.from, [Int32(position)])
        }
        func addPrompts(_ names: (tokens: String, lengths: String), _ prompts: Set<[Int32]>) {
            let sorted = prompts.sorted { $0.lexicographicallyPrecedes($1) }
            add(names.tokens, sorted.flatMap { $0 })
            add(names.lengths, sorted.map { Int32($0.count) })
        }
        if let gate { addPrompts(Self.gatePrompts, gate) }
        if !opposite.isEmpty { addPrompts(Self.oppositePrompts, opposite) }
        let header = metadata.merging([EditKind.key: Self.kind.rawValue, "format": Self.format]) { $1 }
        return TensorBundle(metadata: header, entries: entries)
    }

    /// The vectors of the stage's blocks; all stages get the position and the gate.
    public static func share(_ bundle: TensorBundle, of place: StagePlace) -> [TensorBundle.Entry] {
        bundle.entries.filter { entry in
            (layer(of: entry.name) ?? layer(of: entry.name, input)).map { place.layers.contains($0) } ?? true
        }
    }

    public var extent: EditExtent { EditExtent() }
    public var adapter: LowRankEdit? { nil }

    public func reasonForNoEffect(in model: any WeightSource) -> String? {
        if gate?.isEmpty == true, opposite.isEmpty { return "its gate names no prompt that is put" }
        let all = Array(vectors.values) + Array(inputs.values)
        return all.contains { $0.contains { $0 != 0 } } ? nil : "its vectors are zero"
    }

    public func rewrite() throws(SelectionError) -> WeightRewrite { throw .notExported(Self.title) }

    /// - Parameter prompt: tokens before the response.
    /// - Returns: the first position of a sequence with this prompt that is changed; `nil`: the gate leaves it out.
    public func firstPosition(prompt: [Int32]) -> Int? {
        guard gate?.contains(prompt) ?? true || isOpposed(prompt: prompt) else { return nil }
        return switch start {
        case .lastPromptToken: max(0, prompt.count - 1)
        case .position(let position): position
        }
    }

    public func check(against model: any WeightSource, named source: String) throws {
        try check(against: model.config, named: source)
    }

    /// - Returns: whether the vectors are subtracted from the states of a sequence with this prompt.
    public func isOpposed(prompt: [Int32]) -> Bool { opposite.contains(prompt) }

    /// Checks the vectors against a model.
    /// - Throws: `SelectionError.shape`, `SelectionError.missing`.
    public func check(against config: ModelConfig, named source: String) throws(SelectionError) {
        for (layer, values) in (Array(vectors) + Array(inputs)).sorted(by: { $0.key < $1.key }) {
            guard layer < config.layerCount else { throw .missing(map: "block \(layer)", source: "the model") }
            guard values.count == config.hiddenSize else {
                throw .shape(map: "\(source), block \(layer)", expected: [config.hiddenSize], found: [values.count])
            }
        }
    }
}
