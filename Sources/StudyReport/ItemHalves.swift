import Evaluation
import Selection

/// Prompts, questions and windows in two halves: points are chosen on one and reported on the other, so that a large grid
/// does not flatter the method that has it.
///
/// The first half of a seeded draw chooses; it has the larger share of an odd number. Questions are halved task by task.
package struct ItemHalves {
    let seed: UInt64

    package init(seed: UInt64) { self.seed = seed }

    /// - Parameter name: of the stream, so that harmful prompts, harmless ones, questions and windows are drawn apart.
    /// - Returns: the two halves' items, in their order.
    private func halves(_ members: [[Int]], name: String) -> (chooses: [Int], reports: [Int]) {
        var (chooses, reports): ([Int], [Int]) = ([], [])
        for (group, items) in members.enumerated() {
            let order = RandomStream(seed: seed, name: "select_on/\(name)/\(group)").sample(
                items.count, of: items.count)
            let half = (items.count + 1) / 2
            chooses += order[..<half].map { items[$0] }
            reports += order[half...].map { items[$0] }
        }
        return (chooses.sorted(), reports.sorted())
    }

    /// The point as the reporting half shows it, with what it is chosen by.
    /// - Returns: the point itself where its items are not known, or a single prompt cannot be halved.
    package func split(_ point: GridPoint) -> GridPoint {
        guard let items = point.items, items.gated.allSatisfy({ $0.values.count > 1 }) else { return point }
        func part(_ values: ItemValues, _ name: String, chooses: Bool) -> ItemValues {
            // A half without a prompt, or without a question of a task, would have no number: both have all then.
            guard values.members.allSatisfy({ $0.count > 1 }) else { return values }
            let halves = halves(values.members, name: name)
            return values.of(chooses ? halves.chooses : halves.reports)
        }
        func half(chooses: Bool) -> PointItems {
            let windows = halves(
                items.windows.isEmpty ? [] : [Array(items.windows.indices)], name: "windows")
            return PointItems(
                gated: items.gated.map { part($0, "harmful", chooses: chooses) },
                degenerate: items.degenerate.map { part($0, "harmful", chooses: chooses) },
                answered: items.answered.map { part($0, "harmful", chooses: chooses) },
                overRefusal: items.overRefusal.map { part($0, "harmless", chooses: chooses) },
                accuracy: items.accuracy.map { part($0, "questions", chooses: chooses) },
                windows: (chooses ? windows.chooses : windows.reports).map { items.windows[$0] })
        }
        var reported = point.with(half(chooses: false))
        reported.choosing = [point.with(half(chooses: true))]
        return reported
    }
}

extension GridPoint {
    /// The same point with the numbers that these items come to.
    fileprivate func with(_ items: PointItems) -> GridPoint {
        var point = self
        point.items = items
        point.gated = items.gated.map(\.estimate)
        point.degenerate = items.degenerate.map(\.estimate)
        point.answered = items.answered.map(\.estimate)
        point.overRefusal = items.overRefusal?.estimate
        point.accuracy = items.accuracy?.estimate
        // One window cannot be halved: its perplexity stays as it is.
        if items.windows.count > 0, perplexity != nil { point.perplexity = Perplexity.estimate(items.windows) }
        return point
    }
}
