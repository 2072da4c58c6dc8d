public import Protocol

#if canImport(Glibc)
    import Glibc
#endif

/// exp(mean NLL) over non-overlapping windows of a text's tokens (arXiv 2402.05162, section 3, utility).
///
/// In every window all tokens but the first are scored. A last window that is not full is left out, as in the published
/// code, unless it is the only one.
public struct Perplexity: Sendable {
    public let groups: [SequenceGroup]

    /// - Parameters:
    ///   - window: context length in tokens.
    ///   - maximumTokens: how much of the text is read; `nil`: all of it.
    /// - Throws: `EvaluationError` where the text has fewer than two tokens.
    public init(_ tokens: [Int32], window: Int, maximumTokens: Int? = nil, source: String) throws(EvaluationError) {
        let text = tokens.prefix(maximumTokens ?? tokens.count)
        guard text.count >= 2, window >= 2 else {
            throw EvaluationError(source, "\(text.count) tokens in windows of \(window): perplexity needs at least two")
        }
        let count = max(1, text.count / window)
        groups = (0..<count).map { index in
            let part = Array(text[index * window..<min(text.count, (index + 1) * window)])
            return SequenceGroup(name: "\(source) window \(index)", sequences: [.init(tokens: part, scoredFrom: 1)])
        }
    }

    /// Every window's loss, in the text's order: what two models are compared by.
    public func windows(_ scores: [SequenceScore]) -> [WindowLoss] {
        scores.map { WindowLoss(loss: -$0.sum, tokens: $0.logProbabilities.count) }
    }

    /// Perplexity of some windows; its standard error is over windows.
    /// - Parameter windows: not empty.
    public static func estimate(_ windows: [WindowLoss]) -> Estimate {
        let tokens = windows.reduce(0) { $0 + $1.tokens }
        let perplexity = exp(windows.reduce(0) { $0 + $1.loss } / Double(tokens))
        let means = Estimate(meanOf: windows.map { $0.loss / Double($0.tokens) })
        return Estimate(value: perplexity, standardError: perplexity * means.standardError, count: tokens)
    }

    /// Perplexity with its standard error by the delta method: ppl · s.e. of the mean NLL of a token. Infinite where e to the
    /// mean NLL is beyond a double: results have no number then, and say why.
    public func estimate(_ scores: [SequenceScore]) -> Estimate {
        let negatives = scores.flatMap { $0.logProbabilities.map { -Double($0) } }
        let mean = Estimate(meanOf: negatives)
        let perplexity = exp(mean.value)
        return Estimate(value: perplexity, standardError: perplexity * mean.standardError, count: mean.count)
    }
}
