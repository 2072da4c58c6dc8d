import Datasets
import Evaluation
import Experiment
import ModelService
import Protocol
package import Reporting
import StudyFile
import Tensors

/// A finished study for programs: CSV and JSON.
extension StudyResults {
    /// Tidy values: one line a condition and measure, in full precision; empty where a number does not exist.
    package func csv() -> String {
        let names = ["condition", "measure", "value", "standard_error", "count", "judge"]
        var table = Table(names.map { Table.Column($0, .left) })
        for condition in conditions {
            func add(_ measure: String, _ value: Double, _ count: Int) {
                table.append([condition.name, measure, "\(value)", "0", "\(count)", ""])
            }
            if let remark = condition.remark { add(remark.key, 1, 1) }
            add("zeroed_fraction", condition.sparsity, condition.zeroed)
            if condition.ranks > 0 { add("changed_rank_fraction", condition.rankFraction, condition.ranks) }
            for (measure, value) in condition.restricted?.fractions ?? [] {
                add(measure, value, condition.restricted?.count ?? 0)
            }
            for measure in rows(condition) {
                table.append(
                    [condition.name, measure.name] + MeasureRow.cells(measure.estimate) + [measure.judge ?? ""])
            }
        }
        return table.csv()
    }

    /// Every measure, also those that a condition without numbers lacks.
    func rows(_ condition: ConditionResult) -> [MeasureRow] {
        if let reason = condition.isMeasured ? nil : condition.remark?.reason, let measured {
            return measures(measured).map { MeasureRow(name: $0.name, judge: $0.judge, estimate: nil, reason: reason) }
        }
        return measures(condition)
    }

    func measures(_ condition: ConditionResult) -> [MeasureRow] {
        var list: [MeasureRow] = []
        for attack in condition.attacks { list += attack.estimates(named: namesAttacks, judges) }
        if let refusal = condition.overRefusal {
            func row(_ name: String, _ rate: AttackSuccess.Rate, _ judge: RefusalJudge? = nil) -> MeasureRow {
                MeasureRow(rate: name, rate.mean, judge: judge?.name, items: rate.items)
            }
            list += [
                row("over_refusal", refusal.own, judges.own), row("over_refusal_phrase", refusal.phrase, judges.paper),
                row("over_refusal_paper", refusal.paper, judges.paper), row("coherent_harmless", refusal.coherent),
                row("degenerate_harmless", refusal.degenerate), row("unfinished_harmless", refusal.unfinished),
            ]
            for (judge, rate) in zip(judges.others, refusal.others) {
                list.append(row("over_refusal_\(judge.key)", rate, judge))
            }
        }
        if let mean = condition.zeroShot {
            list.append(MeasureRow("acc_mean", mean, source: condition.accuracy.map { .items($0) }))
        }
        for task in condition.tasks {
            let own = condition.questions.filter { $0.document.task == task.task }.map(\.result)
            list += [
                MeasureRow(
                    rate: "acc_\(task.task)", task.accuracy, items: ItemValues(own.map { $0.isRight ? 1 : 0 })),
                MeasureRow(
                    rate: "acc_norm_\(task.task)", task.normalisedAccuracy,
                    items: ItemValues(own.map { $0.isRightNormalised ? 1 : 0 })),
            ]
        }
        if let perplexity = condition.perplexity {
            list.append(MeasureRow("perplexity", perplexity, source: .windows(condition.windows)))
        }
        let odds = condition.refusalLogOdds
        for (name, estimate) in [
            ("first_token_kl", condition.firstTokenKL), ("refusal_log_odds_harmful", odds.harmful),
            ("refusal_log_odds_harmless", odds.harmless),
        ] {
            if let estimate { list.append(MeasureRow(name, estimate)) }
        }
        return list + defenceMeasures(condition)
    }

    /// Everything but the answers, which have files of their own.
    /// - Parameter findings: the report's.
    package func json(
        command: String, versions: [(name: String, value: String)], findings: [Finding] = []
    ) -> String {
        let conditions = conditions.map { condition in
            return JSON.object(
                [
                    .init("name", .text(condition.name)), .init("method", .text(condition.method)),
                    .init("zeroed", .integer(condition.zeroed)), .init("zeroed_fraction", .number(condition.sparsity)),
                    .init("changed_ranks", .integer(condition.ranks)),
                    .init("changed_rank_fraction", .number(condition.rankFraction)),
                    .init("remark", condition.remark.map { .text($0.key) } ?? .null),
                    .init("reason", condition.remark.map { .text($0.reason) } ?? .null),
                    .init("measures", .object(rows(condition).map { .init($0.name, $0.json) })),
                    .init("losses", .array(condition.losses.map { .number(Double($0)) })),
                ]
                    + [
                        condition.restricted?.members, condition.defence?.members, condition.gate?.members,
                        condition.training?.members,
                    ].flatMap { $0 ?? [] })
        }
        let members: [JSON.Member] = [
            .init("study", .text(study.name)), .init("command", .text(command)),
            .init("kernel_level", .text(kernels)),
            .init("versions", .object(versions.map { .init($0.name, .text($0.value)) })),
            .init(
                "judges",
                .object([
                    .init("own", judges.own.json), .init("paper", judges.paper.json),
                    .init("others", .array(judges.others.map(\.json))),
                ])),
            .init("settings", .object(settings.map { .init($0.name, .text($0.value)) })),
            .init("data_files", .array(files.map(\.json))), .init("warnings", .array(warnings.map { .text($0) })),
            .init("conditions", .array(conditions)),
            .init("finetune_grids", .array(grids.map(\.json))),
            .init("landscapes", Landscape(self)?.json ?? .array([])),
            .init("findings", .array(findings.map(\.json))),
        ]
        let json = JSON.object(members + curveMembers)
        return String(decoding: json.encoded(indent: true), as: UTF8.self) + "\n"
    }

    /// Every grid of fine-tuning runs as the paper's table.
    package var grids: [FineTuneTable] { FineTuneTable.all(conditions, of: study, judges) }
}

extension Finding {
    fileprivate var json: JSON {
        .object([
            .init("system", .text(system)), .init("claim", .text(claim)), .init("outcome", .text(outcome.rawValue)),
            .init("evidence", .text(evidence)),
        ])
    }
}
