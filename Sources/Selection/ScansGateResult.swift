import Tensors

/// What a gate of SCANS came to: its blocks and threshold, and how it does on prompts of both kinds.
public struct ScansGateResult: Sendable, Equatable {
    public var gate: ScansGate
    /// On the prompts that it is calibrated on.
    public var calibration: ScansGate.Accuracy
    /// On the prompts of an evaluation, as they are put; `nil`: their kinds are not known.
    public var evaluation: ScansGate.Accuracy?

    public init(_ gate: ScansGate, calibration: ScansGate.Accuracy, evaluation: ScansGate.Accuracy? = nil) {
        (self.gate, self.calibration, self.evaluation) = (gate, calibration, evaluation)
    }

    /// The gate's blocks.
    public var blocks: String {
        let layers = gate.layers
        let isRange = layers.count > 1 && layers == Array(layers[0]...layers[layers.count - 1])
        guard !isRange else { return "blocks \(layers[0]) to \(layers[layers.count - 1])" }
        return "block\(layers.count == 1 ? "" : "s") \(layers.map(String.init).joined(separator: " "))"
    }

    /// Rounded to four digits.
    public var threshold: String { Self.rounded(gate.threshold, 1e4) }

    /// The gate, how it does on the prompts that it is calibrated on, and what it makes of those of the evaluation.
    public var words: String {
        let balanced = Self.rounded(100 * calibration.balanced, 10)
        let own =
            "gate at \(threshold) over \(blocks); calibration: \(calibration.words) (balanced accuracy \(balanced) %)"
        guard let evaluation else { return own }
        var shares: [String] = []
        let (harmful, harmless) = (evaluation.harmful, evaluation.harmless)
        for (unsafe, all, name) in [
            (harmful.right, harmful.all, "harmful"), (harmless.all - harmless.right, harmless.all, "harmless"),
        ] where all > 0 { shares.append("\(unsafe) of \(all) \(name)") }
        guard !shares.isEmpty else { return own }
        return "\(own); called unsafe in the evaluation: \(shares.joined(separator: ", "))"
    }

    private static func rounded(_ value: Double, _ scale: Double) -> String {
        plainNumber((value * scale).rounded() / scale)
    }
}
