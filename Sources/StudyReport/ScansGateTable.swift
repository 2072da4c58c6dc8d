import Evaluation
package import Experiment
package import Reporting
package import Selection
import Tensors

/// Gates of SCANS, for people and for programs.
package enum ScansGateTable {
    /// Two rows a gate: how it does on the prompts that it is calibrated on, and on those of the evaluation. Precision and
    /// recall are of "unsafe", with Wilson's 95 % intervals.
    /// - Parameter gates: with the names of their conditions.
    package static func table(_ gates: [(name: String, result: ScansGateResult)]) -> Table {
        var table = Table([
            .init("condition", .left), .init("gate over", .left), .init("threshold"), .init("prompts", .left),
            .init("harmful: unsafe"), .init("harmless: safe"), .init("precision"), .init("recall"),
        ])
        for (name, result) in gates {
            for (prompts, accuracy) in [("calibration", result.calibration), ("evaluation", result.evaluation)] {
                guard let accuracy else { continue }
                table.append([
                    name, result.blocks, result.threshold, prompts, share(accuracy.harmful), share(accuracy.harmless),
                    rate(accuracy.precision, of: accuracy.unsafe), rate(accuracy.recall, of: accuracy.harmful.all),
                ])
            }
        }
        return table
    }

    /// A row a prompt: its number in the gate's file, its score, its side, and how it begins.
    /// - Parameter prompts: the step's that the gate is of, in its order.
    package static func table(_ prompts: [ScansStep.Prompt], by fit: ScansFit) -> Table {
        var table = Table([.init("prompt"), .init("score"), .init("side", .left), .init("it begins", .left)])
        for (number, (prompt, score)) in zip(prompts, fit.scores).enumerated() {
            let side = score >= fit.gate.threshold ? "unsafe" : "safe"
            table.append(["\(number)", Format.fixed(score, 4), side, Format.line(prompt.text, limit: 60)])
        }
        return table
    }

    private static func share(_ part: (right: Int, all: Int)) -> String { "\(part.right) of \(part.all)" }

    private static func rate(_ value: Double?, of count: Int) -> String {
        guard let value else { return "—" }
        let spread = ConfidenceInterval.wilson(value, of: count)
        return Format.interval(value, spread.low, spread.high)
    }
}

extension ScansGateResult {
    /// Its part of a condition in `results.json`.
    var members: [JSON.Member] {
        let gate = JSON.object([
            .init("layers", .array(gate.layers.map { .integer($0) })), .init("threshold", .number(gate.threshold)),
            .init("calibration", calibration.json), .init("evaluation", evaluation?.json ?? .null),
        ])
        return [.init("note", .text(words)), .init("gate", gate)]
    }
}

extension ScansGate.Accuracy {
    fileprivate var json: JSON {
        .object([
            .init("harmful", .integer(harmful.all)), .init("harmful_right", .integer(harmful.right)),
            .init("harmless", .integer(harmless.all)), .init("harmless_right", .integer(harmless.right)),
            .init("precision", precision.map { .number($0) } ?? .null),
            .init("recall", recall.map { .number($0) } ?? .null),
        ])
    }
}
