package import Reporting
package import Selection

/// Units by class, for people and for programs.
extension UnitClasses {
    /// Units and their share, a row a class.
    package func table() -> Table {
        var table = Table([.init("class", .left), .init("units"), .init("% of units")])
        for kind in UnitClass.allCases {
            let count = counts[kind] ?? 0
            table.append([
                "\(kind.rawValue) (\(kind.abbreviation))", "\(count)",
                Format.fixed(100 * Double(count) / Double(layout.count), 2),
            ])
        }
        return table
    }
}

extension UnitTransitions {
    private func percent(_ from: UnitClass, _ to: UnitClass) -> Double {
        100 * Double(counts[from]?[to] ?? 0) / Double(max(1, total))
    }

    /// Percent of all units, a row for the class before and a column for the class after; sums at the ends.
    package func table() -> Table {
        let classes = UnitClass.allCases.map { Table.Column($0.abbreviation) }
        var table = Table([.init("from \\ to, % of units", .left)] + classes + [.init("before")])
        for from in UnitClass.allCases {
            let row = UnitClass.allCases.map { percent(from, $0) }
            table.append([from.abbreviation] + (row + [row.reduce(0, +)]).map { Format.fixed($0, 2) })
        }
        let after = UnitClass.allCases.map { to in UnitClass.allCases.reduce(0) { $0 + percent($1, to) } }
        table.append(["after"] + (after + [after.reduce(0, +)]).map { Format.fixed($0, 2) })
        return table
    }

    /// `from,to,units,percent`
    package func csv() -> String {
        var table = Table(["from", "to", "units", "percent"].map { Table.Column($0, .left) })
        for from in UnitClass.allCases {
            for to in UnitClass.allCases {
                table.append([from.rawValue, to.rawValue, "\(counts[from]?[to] ?? 0)", "\(percent(from, to))"])
            }
        }
        return table.csv()
    }
}
