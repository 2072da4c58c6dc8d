import Protocol
import Selection
package import StudyFile

/// How a condition's weights come about, in words that are the same wherever the weights are.
extension Study {
    /// - Parameter data: what a side's pairs are known by; `nil`: by nothing yet.
    /// - Returns: `nil` where the words do not decide the weights.
    /// - Throws: what `data` throws.
    package func editKey(_ condition: Condition, data: @escaping (Side) throws -> String?) throws -> String? {
        if condition.isUnedited { return "unedited" }
        let known = KnownInputs(data: data) { try editKey($0, data: data) }
        guard var parts = try condition.method.fingerprint(condition, in: self, known) else { return nil }
        for side in condition.method.sides {
            guard let known = try data(side) else { return nil }
            parts.append("\(side.rawValue) \(known)")
        }
        return (parts + ["\(blockExamples)", "\(batchTokens)"]).joined(separator: "; ")
    }
}
