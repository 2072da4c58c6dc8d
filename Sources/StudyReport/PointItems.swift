package import Evaluation
import Experiment

/// A condition's numbers item by item: what it is compared with other conditions by.
package struct PointItems: Sendable {
    /// Coherence-gated successes of the harmful prompts, degenerate answers to them, and answers that the run's own judge calls
    /// no refusals, by attack setting.
    package var gated: [ItemValues]
    package var degenerate: [ItemValues]
    package var answered: [ItemValues]
    package var overRefusal: ItemValues?
    package var accuracy: ItemValues?
    package var windows: [WindowLoss]

    package init(
        gated: [ItemValues] = [], degenerate: [ItemValues] = [], answered: [ItemValues] = [],
        overRefusal: ItemValues? = nil, accuracy: ItemValues? = nil, windows: [WindowLoss] = []
    ) {
        (self.gated, self.degenerate, self.answered) = (gated, degenerate, answered)
        (self.overRefusal, self.accuracy, self.windows) = (overRefusal, accuracy, windows)
    }

    init(_ result: ConditionResult) {
        self.init(
            gated: result.attacks.map(\.success.gated.items),
            degenerate: result.attacks.map(\.success.degenerate.items),
            answered: result.attacks.map(\.success.own.items),
            overRefusal: result.overRefusal?.own.items, accuracy: result.accuracy, windows: result.windows)
    }

    /// Prompt by prompt the mean over the attack settings; `nil` without any.
    var success: ItemValues? { gated.isEmpty ? nil : .mean(of: gated) }
    var degeneration: ItemValues? { degenerate.isEmpty ? nil : .mean(of: degenerate) }
    var unrefused: ItemValues? { answered.isEmpty ? nil : .mean(of: answered) }
}

/// The smallest and the largest of numbers that several random edits came to.
package struct PointSpread: Sendable {
    package var seeds: Int
    package var gated: [ClosedRange<Double>]
    package var degeneration: ClosedRange<Double>?
    package var accuracy: ClosedRange<Double>?
    package var perplexity: ClosedRange<Double>?
    package var overRefusal: ClosedRange<Double>?
}

extension GridPoint {
    /// What it has in common with other draws of the same size.
    var draw: String? { drawnLike ?? like }

    /// Several random edits of one size as one point: the mean of their numbers, which of them were least and most, and
    /// item by item the mean, so that it is compared with others as one edit is. The error is the mean error.
    /// - Parameter points: not empty, of the same items.
    static func mean(of points: [GridPoint]) -> GridPoint {
        guard points.count > 1 else { return points[0] }
        var mean = points[0]
        func all(_ number: (GridPoint) -> Estimate?) -> Estimate? {
            var own: [Estimate] = []
            for point in points { if let value = number(point) { own.append(value) } }
            return own.count == points.count ? Self.mean(own) : nil
        }
        func range(_ number: (GridPoint) -> Estimate?) -> ClosedRange<Double>? {
            var own: [Double] = []
            for point in points { if let value = number(point) { own.append(value.value) } }
            guard let least = own.min(), let most = own.max() else { return nil }
            return least...most
        }
        func place(_ list: KeyPath<GridPoint, [Estimate]>, _ number: Int) -> (GridPoint) -> Estimate? {
            { $0[keyPath: list].indices.contains(number) ? $0[keyPath: list][number] : nil }
        }
        func estimates(_ list: KeyPath<GridPoint, [Estimate]>) -> [Estimate] {
            let own = points[0][keyPath: list].indices.map { all(place(list, $0)) }
            return own.contains { $0 == nil } ? [] : own.map { $0! }
        }
        mean.name = "\(points[0].family.title) like \(points[0].draw ?? "?"), \(points.count) seeds"
        mean.zeroed = points.reduce(0) { $0 + $1.zeroed } / Double(points.count)
        mean.ranks = points.reduce(0) { $0 + $1.ranks } / Double(points.count)
        (mean.gated, mean.degenerate) = (estimates(\.gated), estimates(\.degenerate))
        mean.answered = estimates(\.answered)
        mean.overRefusal = all(\.overRefusal)
        mean.accuracy = all(\.accuracy)
        mean.perplexity = all(\.perplexity)
        mean.items = items(of: points)
        mean.spread = PointSpread(
            seeds: points.count, gated: mean.gated.indices.map { range(place(\.gated, $0))! },
            degeneration: range(\.degeneration), accuracy: range(\.accuracy), perplexity: range(\.perplexity),
            overRefusal: range(\.overRefusal))
        mean.choosing = []
        return mean
    }

    private static func items(of points: [GridPoint]) -> PointItems? {
        var all: [PointItems] = []
        for point in points { if let items = point.items { all.append(items) } }
        guard all.count == points.count else { return nil }
        func mean(_ list: [ItemValues?]) -> ItemValues? {
            var own: [ItemValues] = []
            for values in list { if let values { own.append(values) } }
            return own.count == points.count ? .mean(of: own) : nil
        }
        var items = PointItems(
            overRefusal: mean(all.map(\.overRefusal)), accuracy: mean(all.map(\.accuracy)))
        guard all.allSatisfy({ $0.gated.count == all[0].gated.count }) else { return items }
        items.gated = all[0].gated.indices.map { number in .mean(of: all.map { $0.gated[number] }) }
        items.degenerate = all[0].degenerate.indices.map { number in .mean(of: all.map { $0.degenerate[number] }) }
        items.answered = all[0].answered.indices.map { number in .mean(of: all.map { $0.answered[number] }) }
        return items
    }
}
