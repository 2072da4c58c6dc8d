public import Checkpoint
public import Protocol
public import Tensors

/// How a weight's importance is measured (arXiv 2402.05162, section 2): a name, the statistics it is made of, and what it
/// makes of them. A new one is a file in `Selection/Scores` and its place in `allCases`.
public struct ScoreMethod: Sendable, CaseIterable {
    public static let allCases: [ScoreMethod] = [.snip, .wanda, .magnitude, .random]

    /// In study files, on the command line, and in score files.
    public let name: String
    /// What is collected of calibration data; nothing where the weights alone are enough.
    let collects: @Sendable (ScoreSettings) -> [any Statistic]
    /// The settings that its scores depend on, for the score file.
    let uses: @Sendable (ScoreSettings) -> [String: String]
    let computes: @Sendable (ScoreInputs) throws -> ComputedScores

    init(
        _ name: String, collects: @escaping @Sendable (ScoreSettings) -> [any Statistic] = { _ in [] },
        uses: @escaping @Sendable (ScoreSettings) -> [String: String] = { _ in [:] },
        computes: @escaping @Sendable (ScoreInputs) throws -> ComputedScores
    ) {
        self.name = name
        self.collects = collects
        self.uses = uses
        self.computes = computes
    }

    /// Whether the method looks at calibration data; the others need the weights at most, and no fleet.
    public var needsData: Bool { !statistics(ScoreSettings()).isEmpty }

    /// The names of the methods that do, for errors: "snip or wanda".
    public static var namesWithData: String {
        let names = allCases.filter(\.needsData).map(\.name)
        return (names.count > 1 ? names.dropLast().joined(separator: ", ") + " or " : "") + (names.last ?? "")
    }

    public func statistics(_ settings: ScoreSettings) -> [any Statistic] { collects(settings) }

    /// What its scores depend on beside model and data, for metadata.
    public func provenance(_ settings: ScoreSettings) -> [String: String] {
        uses(settings).merging(["method": name]) { $1 }
    }

    /// - Throws: `SelectionError` where a statistic is missing or of another shape.
    public func scores(_ inputs: ScoreInputs) throws -> ComputedScores { try computes(inputs) }
}

extension ScoreMethod: Hashable, RawRepresentable, CustomStringConvertible {
    public init?(rawValue: String) {
        guard let method = Self.allCases.first(where: { $0.name == rawValue }) else { return nil }
        self = method
    }

    public var rawValue: String { name }
    public var description: String { name }
    public static func == (a: ScoreMethod, b: ScoreMethod) -> Bool { a.name == b.name }
    public func hash(into hasher: inout Hasher) { hasher.combine(name) }
}

/// What a user may choose about scores.
public struct ScoreSettings: Sendable, Equatable {
    public var loss: Loss
    public var seed: UInt64

    public init(loss: Loss = .mean, seed: UInt64 = 0) {
        self.loss = loss
        self.seed = seed
    }
}

/// What scores are made of.
public struct ScoreInputs {
    public var model: any WeightSource
    /// The folded statistics; `nil` for a method that has none.
    public var folded: SafetensorsFile?
    /// Examples that the statistics were summed over.
    public var examples: Int
    /// The decoder layer whose maps are scored; `nil`: all.
    public var layer: Int?
    public var settings: ScoreSettings

    public init(
        model: any WeightSource, folded: SafetensorsFile? = nil, examples: Int = 0, layer: Int? = nil,
        settings: ScoreSettings = ScoreSettings()
    ) {
        self.model = model
        self.folded = folded
        self.examples = examples
        self.layer = layer
        self.settings = settings
    }

    /// The folded statistics.
    /// - Throws: `SelectionError.missing` where there are none.
    func statistics(for method: String) throws -> SafetensorsFile {
        guard let folded else { throw SelectionError.missing(map: "the statistics of \(method)", source: "the fleet") }
        return folded
    }
}
