/// How a weight's importance is measured (paper.md, "Neuron level").
public enum ScoreMethod: String, Sendable, Codable, CaseIterable {
    case snip, wanda, magnitude, random

    /// Whether the method looks at calibration data; the others need the weights at most, and no fleet.
    public var needsData: Bool { self == .snip || self == .wanda }
}
