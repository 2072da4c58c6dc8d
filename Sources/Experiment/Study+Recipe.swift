import Protocol
import Selection
package import StudyFile

/// How a condition's weights come about, in words that are the same wherever the weights are.
extension Study {
    /// - Parameter data: what a side's pairs are known by; `nil`: by nothing yet.
    /// - Returns: `nil` where the words do not decide the weights.
    package func recipe(_ condition: Condition, data: (Side) throws -> String?) throws -> String? {
        var parts = [condition.method.words, condition.isSequential ? "block by block" : "at once"]
        switch condition.method {
        case .unedited: return "unedited"
        // Their data and settings say more than their words do.
        case .heads, .fineTune: return nil
        case .random(let like):
            guard let other = conditions.first(where: { $0.name == like }),
                let recipe = try recipe(other, data: data)
            else { return nil }
            parts = ["random", "\(seed)", recipe]
            for side in sides(of: other) { parts.append(try data(side) ?? "?") }
        case .setDifference, .ranked:
            let settings = scores.method.provenance(ScoreSettings(loss: scores.loss, seed: seed))
            parts += settings.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" } + ["\(seed)"]
        case .lowRank: break
        }
        for side in sides(of: condition) {
            guard let known = try data(side) else { return nil }
            parts.append("\(side.rawValue) \(known)")
        }
        return (parts + ["\(blockExamples)", "\(batchTokens)"]).joined(separator: "; ")
    }
}
