import Evaluation
import Experiment
import Protocol
package import Reporting
import StudyFile

/// A finished study as a table.
extension StudyResults {
    /// One that has all measures; a defence is not asked for those of the model.
    var measured: ConditionResult? { conditions.first { $0.isMeasured && $0.defence == nil } }
    var taskNames: [String] { measured?.tasks.map(\.task) ?? [] }
    var hasRanks: Bool { conditions.contains { $0.ranks > 0 } }
    var attacks: [AttackSetting] { measured?.attacks.map(\.setting) ?? [] }
    /// Measures of harmful prompts in tables: what none of the answers did has no column.
    var columns: [AttackResult.Measure] { AttackResult.columns(conditions, judges) }
    /// Settings have names in tables where the study lists them.
    var namesAttacks: Bool { !study.evaluation.attacks.isEmpty }
    var hasOverRefusal: Bool { conditions.contains { $0.overRefusal != nil } }
    var hasZeroShot: Bool { conditions.contains { $0.zeroShot != nil } }
    var hasFirstTokenKL: Bool { conditions.contains { $0.firstTokenKL != nil } }
    var hasLogOdds: (harmful: Bool, harmless: Bool) {
        (
            conditions.contains { $0.refusalLogOdds.harmful != nil },
            conditions.contains { $0.refusalLogOdds.harmless != nil }
        )
    }
    var hasPerplexity: Bool { conditions.contains { $0.perplexity != nil } }

    /// One row a condition, every number with its standard error.
    package func table() -> Table {
        let measures = columns
        var columns = [Table.Column("condition", .left), Table.Column("zeroed %")]
        if hasRanks { columns.append(Table.Column("ranks %")) }
        for setting in attacks {
            for measure in measures {
                let own = measure.title(judges)
                let title = namesAttacks ? "\(setting.name) \(own)" : own
                columns.append(.init(setting.samples > 1 ? "\(title) mean" : title))
                if setting.samples > 1 { columns.append(.init("\(title) any")) }
            }
        }
        if hasOverRefusal {
            for judge in [judges.own] + judges.others { columns.append(.init("over-refusal (\(judge.name))")) }
        }
        if hasZeroShot { columns.append(.init("mean acc")) }
        for task in taskNames { columns.append(.init("acc \(task)")) }
        if hasPerplexity { columns.append(.init("perplexity")) }
        if hasFirstTokenKL { columns.append(.init("first-token KL")) }
        if hasLogOdds.harmful { columns.append(.init("refusal log-odds")) }
        if hasLogOdds.harmless { columns.append(.init("refusal log-odds, harmless")) }
        var table = Table(columns)
        for condition in conditions {
            var row = [condition.title, Format.fixed(100 * condition.sparsity, 3)]
            if hasRanks { row.append(Format.fixed(100 * condition.rankFraction, 3)) }
            for (number, setting) in attacks.enumerated() {
                let success = condition.isMeasured ? condition.attacks[number].success : nil
                for measure in measures {
                    let rate = success?[keyPath: measure.rate]
                    row.append(cell(rate?.mean))
                    if setting.samples > 1 { row.append(cell(rate?.any)) }
                }
            }
            if hasOverRefusal {
                row.append(cell(condition.overRefusal?.own.mean))
                for number in judges.others.indices { row.append(cell(condition.overRefusal?.others[number].mean)) }
            }
            if hasZeroShot { row.append(cell(condition.zeroShot)) }
            for task in taskNames { row.append(cell(condition.tasks.first { $0.task == task }?.accuracy)) }
            if hasPerplexity { row.append(cell(condition.perplexity)) }
            if hasFirstTokenKL { row.append(cell(condition.firstTokenKL)) }
            if hasLogOdds.harmful { row.append(cell(condition.refusalLogOdds.harmful)) }
            if hasLogOdds.harmless { row.append(cell(condition.refusalLogOdds.harmless)) }
            table.append(row)
        }
        return table
    }

    func cell(_ estimate: Estimate?) -> String {
        guard let estimate else { return "—" }
        return estimate.isFinite ? Format.estimate(estimate.value, estimate.standardError) : "no number"
    }

    /// Under the table: who judged what; empty where nothing was answered.
    package var judgesLine: String {
        guard !attacks.isEmpty || hasOverRefusal else { return "" }
        return
            "\nJudges: \(judges.own.title). ASR phrase, ASR paper and ASR gated: \(judges.paper.title)."
            + (judges.others.isEmpty ? "" : " Beside them: \(judges.others.map(\.title).joined(separator: "; ")).")
            + "\n"
    }
}
