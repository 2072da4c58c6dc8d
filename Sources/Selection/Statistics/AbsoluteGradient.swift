public import Checkpoint
public import Protocol
import Tensors

/// Σ_x abs(∇_W L(x)) of every weight of the linear maps: what SNIP is made of (arXiv 2402.05162, section 2).
public struct AbsoluteGradient: Statistic {
    public static let name = "absolute_gradient"
    public static let optionKeys = ["loss"]
    public let loss: Loss?
    public var options: [String: String] { ["loss": (loss ?? .mean).rawValue] }
    public var room: StatisticRoom { .weights }

    public init(loss: Loss = .mean) { self.loss = loss }

    public init(options: [String: String]) throws(SelectionError) {
        let text = options["loss"] ?? Loss.mean.rawValue
        guard let loss = Loss(rawValue: text) else {
            throw .option(
                statistic: Self.name, option: "loss", value: text,
                fault: "is unknown (known: \(Loss.allCases.map(\.rawValue).joined(separator: ", ")))")
        }
        self.loss = loss
    }

    public func tensors(_ config: ModelConfig, _ extent: StatisticExtent) -> [StatisticTensor] {
        extent.layers.flatMap { layer in
            WeightScores.maps(of: config, layer: layer).map {
                StatisticTensor(StatisticName.absoluteGradient($0.name), .f32, [$0.rows, $0.columns], .nonNegative)
            }
        }
    }
}

extension StatisticName {
    /// Σ_x abs(∇_W L(x)), F32 [d_out × d_in].
    public static func absoluteGradient(_ weight: String) -> String { "\(AbsoluteGradient.name).\(weight)" }
}

extension StatisticRequest {
    public static func absoluteGradient(_ loss: Loss) -> StatisticRequest { AbsoluteGradient(loss: loss).request() }
}
