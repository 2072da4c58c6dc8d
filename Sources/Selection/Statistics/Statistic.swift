public import Checkpoint
public import Protocol
public import Tensors

/// What stages collect while examples run through the model, as far as both programs have to agree on it: its name, its
/// options, its tensors, and how those of several blocks become one.
///
/// How a stage collects it is a `Collector` (`Attribution`). A statistic is found by its name, in `Statistics.all`.
public protocol Statistic: Sendable {
    /// On the wire, in study files, and what its tensors' names begin with.
    static var name: String { get }
    /// The options it has; all are optional.
    static var optionKeys: [String] { get }
    /// Whether it can be collected of prompts alone, without responses.
    static var readsPrompts: Bool { get }

    /// - Throws: `SelectionError.option` where a value is none that it takes.
    init(options: [String: String]) throws(SelectionError)
    var options: [String: String] { get }

    /// The loss whose gradients it looks at; `nil`: it needs no gradients.
    var loss: Loss? { get }
    /// Whether it looks at the residual stream, which stages show only when asked.
    var readsResidual: Bool { get }
    /// Tokens that a prompt has to have at least.
    var leastPromptTokens: Int { get }
    /// Whether it looks at response tokens alone, which prompts without responses do not have.
    var needsResponses: Bool { get }
    var combination: Combination { get }
    var room: StatisticRoom { get }

    /// What a stage's result holds.
    func tensors(_ config: ModelConfig, _ extent: StatisticExtent) -> [StatisticTensor]

    /// What the combined tensors come to in a study's own file; the tensors as they are by default.
    /// - Parameter classes: names of the classes of examples.
    func finished(_ combined: TensorBundle, classes: [String]) throws -> [TensorBundle.Entry]
}

extension Statistic {
    public static var optionKeys: [String] { [] }
    public static var readsPrompts: Bool { false }
    public var options: [String: String] { [:] }
    public var loss: Loss? { nil }
    public var readsResidual: Bool { false }
    public var leastPromptTokens: Int { 1 }
    public var needsResponses: Bool { false }
    public var combination: Combination { .sum }
    public func finished(_ combined: TensorBundle, classes: [String]) throws -> [TensorBundle.Entry] {
        combined.entries
    }

    /// As it travels.
    public func request(layer: Int? = nil, classes: Int = 1) -> StatisticRequest {
        StatisticRequest(name: Self.name, options: options, layer: layer, classes: classes)
    }

    /// Bytes that it takes of all layers over one block with one example, and one class of them.
    public func byteCount(_ config: ModelConfig) -> Int {
        byteCount(config, StatisticExtent(layers: 0..<config.layerCount))
    }

    /// - Parameter extent: of which layers and examples.
    public func byteCount(_ config: ModelConfig, _ extent: StatisticExtent) -> Int {
        tensors(config, extent).reduce(0) { $0 + $1.byteCount }
    }
}

/// How one block's tensors and the next one's become one.
public enum Combination: Sendable, Equatable {
    /// Element by element, in block order (`Fold`).
    case sum
    /// Rows of the next block come after those of the last one (`Concatenation`).
    case rows
}

/// What a worker keeps free for a statistic beside the weights.
public enum StatisticRoom: Sendable, Equatable {
    /// No more than a forward pass takes anyway.
    case activations
    /// As much as the weights take, once more.
    case weights
    /// That, and its own tensors so many times.
    case tensors(times: Int)
}

/// The layers and examples that a statistic is about.
public struct StatisticExtent: Sendable, Equatable {
    /// Decoder layers of one stage.
    public var layers: Range<Int>
    /// Examples of the block.
    public var examples: Int
    /// Classes of examples.
    public var classes: Int

    public init(layers: Range<Int>, examples: Int = 1, classes: Int = 1) {
        self.layers = layers
        self.examples = examples
        self.classes = classes
    }
}

/// A tensor of a statistic, and the values it may have.
public struct StatisticTensor: Sendable, Equatable {
    public var name: String
    public var type: ElementType
    public var shape: [Int]
    public var values: ValueRange
    /// The tensor is an upper triangle, row by row, of a matrix of this dimension whose diagonal is not negative.
    public var triangle: Int?

    public init(
        _ name: String, _ type: ElementType, _ shape: [Int], _ values: ValueRange = .finite, triangle: Int? = nil
    ) {
        self.name = name
        self.type = type
        self.shape = shape
        self.values = values
        self.triangle = triangle
    }

    public var byteCount: Int { shape.reduce(type.byteCount, *) }
}
