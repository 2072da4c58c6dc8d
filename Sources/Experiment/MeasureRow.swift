package import Evaluation
package import Tensors

/// One number of a condition with its name in files, and who judged it.
package struct MeasureRow {
    package var name: String
    /// `nil`: no judge has part in it.
    package var judge: String?
    /// `nil`: it does not exist.
    package var estimate: Estimate?
    /// Why it does not exist.
    var reason: String?
    /// Of a rate: Wilson's.
    package var interval: ConfidenceInterval?
    /// What it is the mean of, item by item; `nil`: it is compared with no other condition's.
    package var source: Source?

    /// What conditions are compared by.
    package enum Source: Sendable, Equatable {
        case items(ItemValues)
        /// Of a perplexity.
        case windows([WindowLoss])
    }

    package init(_ name: String, _ estimate: Estimate, judge: String? = nil, source: Source? = nil) {
        self.init(
            name: name, judge: judge, estimate: estimate, reason: estimate.isFinite ? nil : "the number is too large")
        self.source = source
    }

    /// A rate over items, with its interval.
    package init(rate name: String, _ estimate: Estimate, judge: String? = nil, items: ItemValues? = nil) {
        self.init(name, estimate, judge: judge, source: items.map { .items($0) })
        interval = .wilson(estimate.value, of: estimate.count)
    }

    /// A rate in both readings of several samples a prompt: `NAME_mean` and `NAME_any`.
    package static func rows(_ name: String, _ rate: AttackSuccess.Rate, judge: String?) -> [MeasureRow] {
        [
            MeasureRow(rate: "\(name)_mean", rate.mean, judge: judge, items: rate.items),
            MeasureRow(rate: "\(name)_any", rate.any, judge: judge, items: rate.anyItems),
        ]
    }

    package init(name: String, judge: String?, estimate: Estimate?, reason: String?) {
        self.name = name
        self.judge = judge
        self.estimate = estimate.flatMap { $0.isFinite ? $0 : nil }
        self.reason = reason
    }

    /// `value`, `standard_error`, `count`, of a rate `low` and `high`; of a number that does not exist `null`, and `reason`.
    package var json: JSON {
        var members: [JSON.Member] = [
            .init("value", estimate.map { .number($0.value) } ?? .null),
            .init("standard_error", estimate.map { .number($0.standardError) } ?? .null),
            .init("count", .integer(estimate?.count ?? 0)),
        ]
        if let interval {
            members += [.init("low", .number(interval.low)), .init("high", .number(interval.high))]
        }
        if let judge { members.append(.init("judge", .text(judge))) }
        if let reason { members.append(.init("reason", .text(reason))) }
        return .object(members)
    }

    /// The same three for CSV files; empty where there is no number.
    package static func cells(_ estimate: Estimate?) -> [String] {
        estimate.map { ["\($0.value)", "\($0.standardError)", "\($0.count)"] } ?? ["", "", "0"]
    }
}

extension Estimate {
    package var isFinite: Bool { value.isFinite && standardError.isFinite }
}

extension RefusalJudge {
    /// In the names of measures: "rd12_1".
    package var key: String { name.replacing("-", with: "_") }

    /// Name, and how it reads, in words.
    package var title: String {
        "\(name) (\(phrases.count) phrases, read \(reading.rawValue)\(fewestWords > 0 ? ", fewer than \(fewestWords) words are a refusal" : ""))"
    }

    package var json: JSON {
        .object([
            .init("name", .text(name)), .init("reading", .text(reading.rawValue)),
            .init("phrases", .integer(phrases.count)), .init("fewest_words", .integer(fewestWords)),
        ])
    }
}
