package import Evaluation
import Experiment
package import Reporting
import StudyFile

/// One measure of a condition beside the unedited model's, on the same items.
package struct Comparison: Sendable, Equatable {
    package var condition: String
    /// Its name in files.
    package var measure: String
    package var judge: String?
    package var value: Double
    /// Of the value: Wilson's of a rate, else the bootstrap's over items.
    package var interval: ConfidenceInterval
    /// From the unedited model's.
    package var difference: PairedDifference
    /// The difference's p, corrected for all conditions of the study (Holm 1979).
    package var adjusted: Double = 1
}

extension StudyResults {
    /// Measures that conditions are compared by: the attack settings' own, in the mean over samples; over-refusal;
    /// accuracies; perplexity.
    private static func isCompared(_ name: String) -> Bool {
        let name = name.split(separator: ".").last.map(String.init) ?? name
        if name.hasPrefix("asr_"), name.hasSuffix("_mean") { return true }
        return ["degenerate_harmful_mean", "over_refusal", "acc_mean", "perplexity"].contains(name)
            || (name.hasPrefix("acc_") && !name.hasPrefix("acc_norm_"))
    }

    /// Every edited condition against the unedited model, measure by measure; what one of them lacks is left out.
    package func comparisons() -> [Comparison] {
        guard let unedited = zip(study.conditions, conditions).first(where: { $0.0.isUnedited })?.1 else { return [] }
        let bootstrap = PairedBootstrap(seed: study.seed)
        var own: [String: MeasureRow] = [:]
        for row in measures(unedited) { own[row.name] = row }
        var list: [Comparison] = []
        for condition in conditions where condition.isMeasured && condition.name != unedited.name {
            for row in measures(condition) where Self.isCompared(row.name) && !row.name.contains("suffix_") {
                guard let other = own[row.name], let comparison = compare(row, other, condition.name, bootstrap) else {
                    continue
                }
                list.append(comparison)
            }
        }
        for measure in Set(list.map(\.measure)) {
            let places = list.indices.filter { list[$0].measure == measure }
            for (place, p) in zip(places, HolmCorrection.adjusted(places.map { list[$0].difference.p })) {
                list[place].adjusted = p
            }
        }
        return list
    }

    private func compare(
        _ row: MeasureRow, _ other: MeasureRow, _ condition: String, _ bootstrap: PairedBootstrap
    ) -> Comparison? {
        guard let estimate = row.estimate, other.estimate != nil else { return nil }
        let difference: PairedDifference?
        let spread: ConfidenceInterval
        switch (row.source, other.source) {
        case (.items(let a)?, .items(let b)?):
            difference = PairedDifference(a, minus: b, bootstrap)
            spread = row.interval ?? bootstrap.mean(of: a.values, members: a.members).interval
        case (.windows(let a)?, .windows(let b)?):
            difference = PairedDifference(a, minus: b, bootstrap)
            spread = PairedDifference.perplexity(a, bootstrap)
        default: return nil
        }
        guard let difference else { return nil }
        return Comparison(
            condition: condition, measure: row.name, judge: row.judge, value: estimate.value, interval: spread,
            difference: difference)
    }

    /// One line a condition and measure, in full precision.
    package static func csv(_ comparisons: [Comparison]) -> String {
        let names = [
            "condition", "measure", "value", "low", "high", "difference", "difference_low", "difference_high",
            "standard_error", "p", "p_holm", "test", "count", "judge",
        ]
        var table = Table(names.map { Table.Column($0, .left) })
        for row in comparisons {
            let difference = row.difference
            table.append([
                row.condition, row.measure, "\(row.value)", "\(row.interval.low)", "\(row.interval.high)",
                "\(difference.value)", "\(difference.interval.low)", "\(difference.interval.high)",
                "\(difference.standardError)", "\(difference.p)", "\(row.adjusted)", difference.test.rawValue,
                "\(difference.count)", row.judge ?? "",
            ])
        }
        return table.csv()
    }

    /// The same for readers: a row a condition; of every measure its interval, and the difference with its p.
    package func table(_ comparisons: [Comparison]) -> Table? {
        let shown = ["asr_mean", "asr_gated_mean", "over_refusal", "acc_mean", "perplexity"]
        var measures: [String] = []
        for row in comparisons {
            let name = row.measure.split(separator: ".").last.map(String.init) ?? row.measure
            if shown.contains(name) || (name.hasPrefix("acc_") && !hasZeroShot), !measures.contains(row.measure) {
                measures.append(row.measure)
            }
        }
        guard !measures.isEmpty else { return nil }
        var columns = [Table.Column("condition", .left)]
        for measure in measures { columns += [.init(measure), .init("less unedited", .left), .init("p (Holm)")] }
        var table = Table(columns)
        var names: [String] = []
        for row in comparisons where !names.contains(row.condition) { names.append(row.condition) }
        for name in names {
            var cells = [name]
            for measure in measures {
                guard let row = comparisons.first(where: { $0.condition == name && $0.measure == measure }) else {
                    cells += ["—", "—", "—"]
                    continue
                }
                cells += [
                    Format.interval(row.value, row.interval.low, row.interval.high),
                    "\(Difference.signed(row.difference.value)) \(Difference.text(row.difference.interval))",
                    Difference.text(row.adjusted),
                ]
            }
            table.append(cells)
        }
        return table
    }

    /// Attack success by the number of new tokens; `nil` where no answer is long enough to tell.
    package func lengthTable() -> Table? {
        guard let first = measured, first.attacks.contains(where: { $0.byLength.count > 1 }) else { return nil }
        var columns = [Table.Column("condition", .left)]
        for attack in first.attacks {
            let name = namesAttacks ? "\(attack.setting.name) " : ""
            columns += attack.byLength.map { .init("\(name)ASR at \($0.length)") }
        }
        var table = Table(columns)
        for condition in conditions where condition.isMeasured {
            table.append(
                [condition.title] + condition.attacks.flatMap { $0.byLength.map { cell($0.own.mean) } })
        }
        return table
    }
}
