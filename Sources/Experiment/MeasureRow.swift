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

    package init(_ name: String, _ estimate: Estimate, judge: String? = nil) {
        self.init(
            name: name, judge: judge, estimate: estimate, reason: estimate.isFinite ? nil : "the number is too large")
    }

    package init(name: String, judge: String?, estimate: Estimate?, reason: String?) {
        self.name = name
        self.judge = judge
        self.estimate = estimate.flatMap { $0.isFinite ? $0 : nil }
        self.reason = reason
    }

    /// `value`, `standard_error`, `count`; of a number that does not exist `null`, and `reason`.
    package var json: JSON {
        .object(
            [
                .init("value", estimate.map { .number($0.value) } ?? .null),
                .init("standard_error", estimate.map { .number($0.standardError) } ?? .null),
                .init("count", .integer(estimate?.count ?? 0)),
            ] + (judge.map { [.init("judge", .text($0))] } ?? []) + (reason.map { [.init("reason", .text($0))] } ?? []))
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
