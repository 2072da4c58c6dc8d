#if canImport(Glibc)
    import Glibc
#endif

/// How far one distribution over tokens is from another.
public enum TokenDivergence {
    /// KL(p ‖ q) = Σ p · (log(p + ε) − log(q + ε)), in f64, in the vocabulary's order.
    ///
    /// ε = 0 is the definition, as heretic computes it (p-e-w/heretic 20b7bf7, scorers/kl_divergence.py: `kl_div` of
    /// log-probabilities); 10⁻⁶ is the ε of refusal_direction (andyrdt/refusal_direction 9d852fa,
    /// submodules/select_direction.py, `kl_div_fn`).
    /// - Parameters:
    ///   - p, q: natural logarithms of probabilities, one a token.
    ///   - epsilon: added to every probability inside the logarithms.
    /// - Returns: nats.
    public static func nats(_ p: [Float], _ q: [Float], epsilon: Double = 0) -> Double {
        precondition(p.count == q.count, "distributions over \(p.count) and \(q.count) tokens")
        return p.withUnsafeBufferPointer { p in
            q.withUnsafeBufferPointer { q in
                var sum = 0.0
                for token in 0..<p.count {
                    let (own, other) = (Double(p[token]), Double(q[token]))
                    let probability = exp(own)
                    guard epsilon > 0 else {
                        sum += probability * (own - other)
                        continue
                    }
                    sum += probability * (log(probability + epsilon) - log(exp(other) + epsilon))
                }
                return sum
            }
        }
    }
}

/// How a model leans before it has said a word: refuse or answer.
public enum RefusalLogOdds {
    /// The published code's: added to both probabilities.
    public static let epsilon = 1e-8

    /// log(p(R) + ε) − log(1 − p(R) + ε), with p(R) the sum over the refusal tokens R of the probability that the answer
    /// begins with one (Arditi et al., arXiv 2406.11717; andyrdt/refusal_direction 9d852fa,
    /// submodules/select_direction.py, `refusal_score`).
    /// - Parameter logProbabilities: natural logarithms of the refusal tokens' probabilities, at the last token of the prompt.
    public static func value(_ logProbabilities: [Double], epsilon: Double = epsilon) -> Double {
        let refusal = logProbabilities.reduce(0) { $0 + exp($1) }
        return log(refusal + epsilon) - log(1 - refusal + epsilon)
    }
}
