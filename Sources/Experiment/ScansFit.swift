import Checkpoint
package import Selection
package import StudyFile
import Tensors

/// What the prompts of a `scans` condition come to: refusal vectors, the gate, and what the gate looks at.
package struct ScansFit: Sendable {
    /// Without what the vectors are scaled by, and where they are added.
    let settings: ScansMethod
    /// Of every block; of length 1, or zero where harmful and harmless anchors are alike.
    let vectors: [[Double]]
    package let gate: ScansGate
    /// Of every prompt of a list but the anchors: cos(a_l, d_l) of every block l.
    let cosines: [ScansStep.List: [[Double]]]

    /// - Parameter combined: the rows of the statistic `Transition` over the lists.
    /// - Throws: `SelectionError.missing`, `SelectionError.shape`.
    init(_ combined: TensorBundle, _ method: ScansMethod, _ config: ModelConfig) throws {
        let looked: [ScansStep.List] = [.calibrationHarmful, .calibrationHarmless, .evaluated]
        var vectors: [[Double]] = []
        var columns: [ScansStep.List: [[Double]]] = [:]
        for layer in 0..<config.layerCount {
            let rows = try Rows(combined, Self.place(after: layer, method, config))
            vectors.append(
                ScansGate.refusalVector(
                    harmful: try rows("state", .anchorHarmful), harmless: try rows("state", .anchorHarmless)))
            let reference = ScansGate.mean(try rows("change", .anchorHarmful))
            for list in looked {
                columns[list, default: []].append(
                    try rows("change", list).map { ScansGate.cosine($0, reference) })
            }
        }
        var cosines: [ScansStep.List: [[Double]]] = [:]
        for list in looked {
            let blocks = columns[list] ?? []
            cosines[list] = (blocks.first ?? []).indices.map { prompt in blocks.map { $0[prompt] } }
        }
        (settings, self.vectors, self.cosines) = (method.gateSettings, vectors, cosines)
        gate = ScansGate.calibrated(
            harmful: cosines[.calibrationHarmful] ?? [], harmless: cosines[.calibrationHarmless] ?? [],
            layers: method.gateLayers, threshold: method.threshold)
    }

    /// On the prompts that it is calibrated on.
    private var accuracy: ScansGate.Accuracy {
        ScansGate.Accuracy(
            gate, harmful: cosines[.calibrationHarmful] ?? [], harmless: cosines[.calibrationHarmless] ?? [])
    }

    /// What the gate came to.
    /// - Parameter evaluation: how it does on the prompts of an evaluation; `nil`: their kinds are not known.
    package func result(_ evaluation: ScansGate.Accuracy? = nil) -> ScansGateResult {
        ScansGateResult(gate, calibration: accuracy, evaluation: evaluation)
    }

    /// s_q of every prompt that is classified, in the step's order.
    package var scores: [Double] { (cosines[.evaluated] ?? []).map { gate.score($0) } }

    /// The steering of the prompts that are classified: toward refusal where they are unsafe, away from it otherwise.
    /// - Parameters:
    ///   - method: where and how far it steers.
    ///   - prompts: the step's, in its order.
    package func steering(_ method: ScansMethod, of prompts: [[Int32]]) -> Steering {
        var sides: (unsafe: Set<[Int32]>, safe: Set<[Int32]>) = ([], [])
        for (tokens, score) in zip(prompts, scores) {
            if score >= gate.threshold { sides.unsafe.insert(tokens) } else { sides.safe.insert(tokens) }
        }
        var vectors: [Int: [Float]] = [:]
        for layer in method.layers ?? ScansMethod.middle(of: self.vectors.count) {
            vectors[layer] = self.vectors[layer].map { Float(method.alpha * $0) }
        }
        return Steering(
            vectors: vectors, start: .lastPromptToken, gate: sides.unsafe, opposite: sides.safe,
            metadata: [
                "alpha": "\(method.alpha)", "threshold": "\(gate.threshold)",
                "gate_layers": gate.layers.map(String.init).joined(separator: ","),
            ])
    }

    /// `list,prompt,score,unsafe`: a line a prompt but the anchors.
    package func csv() -> String {
        var lines = ["list,prompt,score,unsafe"]
        for list in ScansStep.List.allCases {
            for (number, cosines) in (cosines[list] ?? []).enumerated() {
                lines.append("\(list.rawValue),\(number),\(gate.score(cosines)),\(gate.isUnsafe(cosines) ? 1 : 0)")
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// Where the state after a block is looked at.
    private static func place(after layer: Int, _ method: ScansMethod, _ config: ModelConfig) -> ResidualPlace {
        guard layer + 1 == config.layerCount else { return .input(layer + 1) }
        return method.lastState == .norm ? .norm : .output
    }

    /// The rows of one place.
    private struct Rows {
        private let place: ResidualPlace
        private let bundle: TensorBundle

        init(_ combined: TensorBundle, _ place: ResidualPlace) throws {
            self.place = place
            var entries: [TensorBundle.Entry] = []
            for kind in [StatisticName.Transitions.state, .change, .isOfClass] {
                let name = StatisticName.transition(kind, place)
                guard let entry = combined[name] else {
                    throw SelectionError.missing(map: name, source: Transition.name)
                }
                entries.append(entry)
            }
            bundle = TensorBundle(
                entries: try Transition().finished(
                    TensorBundle(entries: entries), classes: ScansStep.List.allCases.map(\.rawValue)))
        }

        func callAsFunction(_ title: String, _ list: ScansStep.List) throws -> [[Float]] {
            let name = "\(title).\(list.rawValue).\(place)"
            guard let entry = bundle[name], entry.shape.count == 2 else {
                throw SelectionError.missing(map: name, source: Transition.name)
            }
            let width = entry.shape[1]
            return (0..<entry.shape[0]).map { Array(entry.buffer.floats[$0 * width..<($0 + 1) * width]) }
        }
    }
}
