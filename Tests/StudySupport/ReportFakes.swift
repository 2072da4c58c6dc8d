package import Evaluation
import StudyFile
package import StudyReport

/// Grid points with numbers of the test's own.
package enum Fake {
    package static let prompts = 100

    package static func rate(_ value: Double, of count: Int = prompts) -> Estimate {
        Estimate(
            value: value, standardError: count > 1 ? (value * (1 - value) / Double(count - 1)).squareRoot() : 0,
            count: count)
    }

    package static func point(
        _ name: String, _ kind: MethodFamily.Kind, asr: Double? = nil, acc: Double? = nil, degenerate: Double? = nil,
        perplexity: Double? = nil, zeroed: Double = 0, ranks: Double = 0, like: String? = nil, count: Int = prompts,
        answered: Double? = nil, overRefusal: Double? = nil
    ) -> GridPoint {
        var point = GridPoint(name: name, family: MethodFamily(kind))
        point.gated = asr.map { [rate($0, of: count)] } ?? []
        point.degenerate = degenerate.map { [rate($0, of: count)] } ?? []
        point.answered = answered.map { [rate($0, of: count)] } ?? []
        point.overRefusal = overRefusal.map { rate($0, of: count) }
        point.accuracy = acc.map { rate($0, of: 1000) }
        point.perplexity = perplexity.map { Estimate(value: $0, standardError: 0.1, count: 1000) }
        (point.zeroed, point.ranks, point.like) = (zeroed, ranks, like)
        return point
    }

    package static let unedited = point("unedited", .unedited, asr: 0.05, acc: 0.6, degenerate: 0.02, perplexity: 6.5)
}
