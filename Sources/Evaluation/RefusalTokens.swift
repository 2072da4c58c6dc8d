/// Tokens that refusals begin with, found in a model's own refusals.
///
/// The published code has a list for each model (andyrdt/refusal_direction 9d852fa: Llama-2 {306}, Llama-3 {40}, Qwen
/// {40, 2121}, Gemma {235285}) and does not say how they were found. The rule here is ours.
public enum RefusalTokens {
    /// A token that begins at least this share of the refusals is one.
    public static let share = 0.1

    /// - Parameter first: the first token of every refusal.
    /// - Returns: tokens that begin at least a tenth of them, the most frequent first, of equals the lower number first; at
    ///   most ten.
    public static func frequent(_ first: [Int32]) -> [Int32] {
        var counts: [Int32: Int] = [:]
        for token in first { counts[token, default: 0] += 1 }
        let kept = counts.filter { Double($0.value) >= share * Double(first.count) }
        return kept.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map(\.key)
    }
}
