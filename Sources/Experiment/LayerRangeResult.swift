package import Reporting
package import Selection
package import Tensors

/// The safety layers that a study found, and every range that it tried.
package struct LayerRangeResult: Sendable, Equatable {
    /// Where the sweeps began.
    package var start: Range<Int>
    package var chosen: Range<Int>
    /// In the order of work; a range that both sweeps have is there twice.
    package var trials: [LayerRangeSearch.Trial]
    package var prompts: Int
    package var alpha: Double
    /// What says which answers are refusals.
    package var judge: String

    package init(
        start: Range<Int>, chosen: Range<Int>, trials: [LayerRangeSearch.Trial], prompts: Int, alpha: Double,
        judge: String
    ) {
        (self.start, self.chosen, self.trials) = (start, chosen, trials)
        (self.prompts, self.alpha, self.judge) = (prompts, alpha, judge)
    }

    /// The first and the last block, both in it.
    package static func words(_ layers: Range<Int>) -> String {
        layers.count == 1 ? "block \(layers.lowerBound)" : "blocks \(layers.lowerBound) to \(layers.upperBound - 1)"
    }

    private func isChosen(_ trial: LayerRangeSearch.Trial) -> Bool { trial.sweep == .first && trial.layers == chosen }

    /// A row a trial.
    package func table() -> Table {
        var table = Table([.init("sweep", .left), .init("blocks", .left), .init("refusals"), .init("chosen", .left)])
        for trial in trials {
            table.append([
                trial.sweep.rawValue, trial.layers.isEmpty ? "none" : Self.words(trial.layers),
                trial.rejected.map { "\($0) of \(prompts)" } ?? "not finite", isChosen(trial) ? "yes" : "",
            ])
        }
        return table
    }

    /// `sweep,first,last,alpha,rejected,prompts,judge,chosen`: a line a trial, bounds inclusive; empty where there is none.
    package func csv() -> String {
        let columns = ["sweep", "first", "last", "alpha", "rejected", "prompts", "judge", "chosen"]
        var table = Table(columns.map { Table.Column($0, .left) })
        for trial in trials {
            let isScaled = !trial.layers.isEmpty
            table.append([
                trial.sweep.rawValue, isScaled ? "\(trial.layers.lowerBound)" : "",
                isScaled ? "\(trial.layers.upperBound - 1)" : "", isScaled ? plainNumber(alpha) : "1",
                trial.rejected.map { "\($0)" } ?? "", "\(prompts)", judge, isChosen(trial) ? "1" : "0",
            ])
        }
        return table.csv()
    }

    /// The found range, where the sweeps began, and every trial; bounds inclusive.
    package var json: JSON {
        func bounds(_ layers: Range<Int>) -> [JSON.Member] {
            [
                .init("first", layers.isEmpty ? .null : .integer(layers.lowerBound)),
                .init("last", layers.isEmpty ? .null : .integer(layers.upperBound - 1)),
            ]
        }
        let trials = trials.map { trial in
            JSON.object(
                [.init("sweep", .text(trial.sweep.rawValue))] + bounds(trial.layers)
                    + [.init("rejected", trial.rejected.map { .integer($0) } ?? .null)])
        }
        return .object(
            bounds(chosen) + [
                .init("start", .object(bounds(start))), .init("alpha", .number(alpha)),
                .init("prompts", .integer(prompts)), .init("judge", .text(judge)), .init("trials", .array(trials)),
            ])
    }
}
