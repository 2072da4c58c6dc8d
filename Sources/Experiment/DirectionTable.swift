import Datasets
import Evaluation
import Tensors

/// The candidates of a refusal direction as a table.
enum DirectionTable {
    private static let columns = [
        "position", "layer", "refusal_log_odds_ablated", "refusal_log_odds_added", "kl_ablated", "excluded_by",
        "chosen",
    ]

    /// Writes CSV: a line a candidate, in the order of positions and layers; numbers that there are none of are empty.
    /// - Throws: `InputError` where it cannot be written.
    static func write(
        _ candidates: [DirectionCandidate], rules: DirectionSelection, layers: Int, to path: String
    ) throws {
        let choice = rules.choice(candidates, layers: layers)
        var lines = [columns.joined(separator: ",")]
        for (index, candidate) in candidates.enumerated() {
            let numbers = [candidate.refusal, candidate.induced, candidate.divergence].map(text)
            let exclusion = rules.exclusion(candidate, layers: layers)?.rawValue ?? ""
            let cells =
                ["\(candidate.position)", "\(candidate.layer)"] + numbers + [exclusion, index == choice ? "1" : "0"]
            lines.append(cells.joined(separator: ","))
        }
        try TextFile.write(lines.joined(separator: "\n") + "\n", to: path)
    }

    private static func text(_ value: Double?) -> String { value.map { $0.isNaN ? "" : "\($0)" } ?? "" }

    /// How many candidates every rule leaves out, in words.
    static func counts(_ candidates: [DirectionCandidate], _ rules: DirectionSelection, _ layers: Int) -> String {
        let exclusions = candidates.map { rules.exclusion($0, layers: layers) }
        return DirectionSelection.Exclusion.allCases.map { rule in
            "\(exclusions.count { $0 == rule }) by \(rule.rawValue)"
        }.joined(separator: ", ")
    }
}
