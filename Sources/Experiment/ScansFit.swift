import Checkpoint
import Selection
import StudyFile
import Tensors

/// What the prompts of a `scans` condition come to: refusal vectors, the gate, and what the gate looks at.
struct ScansFit: Sendable {
    /// Without what the vectors are scaled by, and where they are added.
    let settings: ScansMethod
    /// Of every block; of length 1, or zero where harmful and harmless anchors are alike.
    let vectors: [[Double]]
    let gate: ScansGate
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
    var accuracy: ScansGate.Accuracy {
        ScansGate.Accuracy(
            gate, harmful: cosines[.calibrationHarmful] ?? [], harmless: cosines[.calibrationHarmless] ?? [])
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
