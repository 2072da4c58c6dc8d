import Evaluation
import Experiment
import ModelService
package import Reporting
import StudyFile
import Tensors

/// A grid of fine-tuning runs as the paper's Table 3: rows are what was kept and how, columns the number of examples.
package struct FineTuneTable: Sendable {
    package let name: String
    /// In the study's order, with the settings that made them.
    private let cells: [(settings: Study.FineTune, result: ConditionResult)]
    private let examples: [Int]
    private let judges: Judges

    static func all(_ results: [ConditionResult], of study: Study, _ judges: Judges) -> [FineTuneTable] {
        var cells: [(settings: Study.FineTune, result: ConditionResult)] = []
        for (condition, result) in zip(study.conditions, results) {
            if let settings = condition.fineTune, settings.grid != nil {
                cells.append((settings, result))
            }
        }
        var names: [String] = []
        for case let name? in cells.map(\.settings.grid) where !names.contains(name) { names.append(name) }
        return names.map { name in FineTuneTable(name, cells.filter { $0.settings.grid == name }, judges) }
    }

    private init(
        _ name: String, _ cells: [(settings: Study.FineTune, result: ConditionResult)], _ judges: Judges
    ) {
        self.name = name
        self.judges = judges
        self.cells = cells
        examples = Set(cells.compactMap(\.settings.samples)).sorted()
    }

    // MARK: Tables

    /// One table an attack setting, and two where it samples several answers.
    package func tables() -> [(caption: String, table: Table)] {
        (cells.first { $0.result.isMeasured }?.result.attacks ?? []).enumerated().flatMap { number, attack in
            let several = attack.setting.samples > 1
            let mean = ("\(caption), \(attack.setting.name)\(several ? ", mean" : "")", table(number) { $0.mean })
            return several ? [mean, ("\(caption), \(attack.setting.name), any", table(number) { $0.any })] : [mean]
        }
    }

    private var caption: String { "Restricted fine-tuning (\(name))" }

    private func table(_ attack: Int, _ part: (AttackSuccess.Rate) -> Estimate) -> Table {
        let measures = AttackResult.columns(cells.map(\.result), judges)
        var columns = [
            Table.Column("% of parameters"), .init("% of linear maps"), .init("how", .left), .init("which", .left),
        ]
        for count in examples {
            for measure in measures { columns.append(.init("n=\(count) \(measure.title(judges))")) }
        }
        var table = Table(columns)
        for row in rows {
            let cells = cells.filter { $0.settings.restriction == row }
            let kept = cells.first?.result.restricted
            var texts = [
                Format.fixed(100 * (kept?.ofParameters ?? 0), 2), Format.fixed(100 * (kept?.ofMaps ?? 0), 2),
                row?.kind.rawValue ?? "free", row?.share?.choice.rawValue ?? "—",
            ]
            for count in examples {
                let cell = cells.first { $0.settings.samples == count }
                for measure in measures {
                    texts.append(Self.text(cell?.result, attack) { part($0[keyPath: measure.rate]) })
                }
            }
            table.append(texts)
        }
        return table
    }

    /// A cell; with what its condition is marked with, where it is.
    private static func text(
        _ result: ConditionResult?, _ attack: Int, _ part: (AttackSuccess) -> Estimate
    ) -> String {
        guard let result else { return "—" }
        guard result.isMeasured else { return result.remark?.mark ?? "—" }
        let estimate = part(result.attacks[attack].success)
        return Format.estimate(estimate.value, estimate.standardError) + (result.remark.map { " (\($0.mark))" } ?? "")
    }

    /// Nothing kept first; then by how, by which, by size.
    private var rows: [Study.Restriction?] {
        var rows: [Study.Restriction?] = []
        for cell in cells where !rows.contains(cell.settings.restriction) { rows.append(cell.settings.restriction) }
        func place(_ row: Study.Restriction?) -> (Int, Int, Double) {
            guard let row, let share = row.share else { return (-1, 0, 0) }
            return (
                Study.Restriction.Kind.allCases.firstIndex(of: row.kind)!,
                Study.WeightShare.Choice.allCases.firstIndex(of: share.choice)!, share.percent
            )
        }
        return rows.sorted { place($0) < place($1) }
    }

    // MARK: Files

    private static let columns = [
        "grid", "condition", "examples", "frozen_percent", "of", "restrict", "by", "weights", "fraction_of_parameters",
        "fraction_of_linear_maps", "attack", "measure", "value", "standard_error", "count", "judge",
    ]

    /// Tidy values in full precision: one line a cell, attack setting and measure.
    static func csv(_ grids: [FineTuneTable]) -> String {
        var table = Table(columns.map { Table.Column($0, .left) })
        for grid in grids {
            for (settings, result) in grid.cells {
                let share = settings.restriction?.share
                let start = [
                    grid.name, result.name, "\(settings.samples ?? 0)", plainNumber(share?.percent ?? 0),
                    share?.of.rawValue ?? "", settings.restriction?.kind.rawValue ?? "", share?.choice.rawValue ?? "",
                    "\(result.restricted?.count ?? 0)", "\(result.restricted?.ofParameters ?? 0)",
                    "\(result.restricted?.ofMaps ?? 0)",
                ]
                for attack in result.attacks {
                    for row in attack.estimates(named: false, grid.judges) {
                        table.append(
                            start + [attack.setting.name, row.name] + MeasureRow.cells(row.estimate)
                                + [row.judge ?? ""])
                    }
                }
                if !result.isMeasured { table.append(start + ["", "not_finite", "1", "0", "1", ""]) }
            }
        }
        return table.csv()
    }

    var json: JSON {
        .object([
            .init("name", .text(name)), .init("examples", .array(examples.map { .integer($0) })),
            .init(
                "cells",
                .array(
                    cells.map { settings, result in
                        let share = settings.restriction?.share
                        return .object(
                            [
                                .init("condition", .text(result.name)),
                                .init("examples", .integer(settings.samples ?? 0)),
                                .init("frozen_percent", .number(share?.percent ?? 0)),
                                .init("of", share.map { .text($0.of.rawValue) } ?? .null),
                                .init("restrict", settings.restriction.map { .text($0.kind.rawValue) } ?? .null),
                                .init("by", share.map { .text($0.choice.rawValue) } ?? .null),
                            ] + (result.restricted?.members ?? []))
                    })),
        ])
    }

    static let notes = [
        "Restricted fine-tuning: freeze leaves the weights as they are at every step (the paper's text); rewind trains all of them and gives these their old values back at the end (the published code), so that all rewound models of one n come from one training.",
        "mask: the ranking's first weights; random: as many random weights of every matrix; layers: all linear maps of whole decoder layers, as many as come nearest to the size asked for.",
    ]
}

extension RestrictedWeights {
    var fractions: [(measure: String, value: Double)] {
        [("restricted_fraction_of_linear_maps", ofMaps), ("restricted_fraction_of_parameters", ofParameters)]
    }

    var members: [JSON.Member] {
        [.init("restricted", .integer(count))] + fractions.map { .init($0.measure, .number($0.value)) }
    }
}

extension TrainingOutcome {
    /// Its part of a condition in `results.json`.
    var members: [JSON.Member] {
        let asked: [JSON.Member] = target.map { [.init("asked", .number($0))] } ?? []
        return [
            .init(
                "training",
                .object(
                    [.init("steps", .integer(steps)), .init("loss", .number(loss))] + asked + [
                        .init("note", .text(words))
                    ]))
        ]
    }
}
