import Evaluation
package import Experiment
package import Reporting
package import Selection
import StudyFile

/// The paper's figures of one run.
package enum StudyFigures {
    /// - Parameter settings: the attack settings' names, in the points' order.
    package static func figures(
        _ points: [GridPoint], settings: [String], overlaps: [OverlapTable], probe: HeadProbe?
    ) -> [Figure] {
        againstAccuracy(points, settings) + degeneration(points) + curves(points) + grids(points)
            + overlaps.map { overlap($0) } + (probe.map { [heads($0)] } ?? [])
    }

    /// One series a family, in the families' order; a family looks alike everywhere.
    private static func series(
        _ points: [GridPoint], isJoined: (MethodFamily) -> Bool = { _ in false },
        _ place: (GridPoint) -> (x: Estimate, y: Estimate)?
    ) -> [PointPlot.Series] {
        let families = Set(points.map(\.family)).sorted()
        return families.compactMap { family in
            let own = points.filter { $0.family == family }.compactMap { point -> PointPlot.Point? in
                place(point).map {
                    PointPlot.Point(
                        x: $0.x.value, y: $0.y.value, xError: $0.x.standardError, yError: $0.y.standardError,
                        label: point.name)
                }
            }
            guard !own.isEmpty else { return nil }
            let joined = isJoined(family)
            return PointPlot.Series(
                name: family.title, points: joined ? own.sorted { $0.x < $1.x } : own, isJoined: joined,
                style: family.kind.rawValue + (family.isSequential ? 5 : 0))
        }
    }

    private static let rateRange = -0.03...1.03

    private static func againstAccuracy(_ points: [GridPoint], _ settings: [String]) -> [Figure] {
        settings.enumerated().compactMap { number, setting in
            let series = series(points) { point in
                guard let accuracy = point.accuracy, point.gated.indices.contains(number) else { return nil }
                return (accuracy, point.gated[number])
            }
            guard !series.isEmpty else { return nil }
            return Figure(
                id: "asr-accuracy-\(number + 1)",
                title: "ASR against accuracy" + (settings.count > 1 ? ": \(setting)" : ""),
                caption: "Every condition. Up: safety is broken; left: the model is. Bars are one standard error.",
                content: .points(
                    PointPlot(
                        xLabel: "accuracy", yLabel: "coherence-gated ASR", yRange: rateRange, series: series)))
        }
    }

    private static func degeneration(_ points: [GridPoint]) -> [Figure] {
        let series = series(points) { point in
            guard let success = point.success, let share = point.degeneration else { return nil }
            return (share, success)
        }
        guard !series.isEmpty else { return [] }
        return [
            Figure(
                id: "asr-degenerate", title: "ASR against degenerate answers",
                caption: "Degenerate: the answer repeats itself or is empty.",
                content: .points(
                    PointPlot(
                        xLabel: "share of degenerate answers", yLabel: "coherence-gated ASR", xRange: rateRange,
                        yRange: rateRange, series: series)))
        ]
    }

    /// Gated ASR, accuracy and perplexity by the share of weights, and of ranks, that an edit changes.
    private static func curves(_ points: [GridPoint]) -> [Figure] {
        let measures: [(title: String, label: String, value: KeyPath<GridPoint, Estimate?>)] = [
            ("ASR", "coherence-gated ASR", \.success), ("Accuracy", "accuracy", \.accuracy),
            ("Perplexity", "perplexity", \.perplexity),
        ]
        return [
            ("sparsity", "zeroed, % of weights", \GridPoint.zeroed),
            ("rank", "rank of the change, % of all ranks", \GridPoint.ranks),
        ].flatMap { kind, unit, size in
            measures.compactMap { title, label, value in
                let part = points.filter { $0[keyPath: size] > 0 && $0[keyPath: value] != nil }
                let sizes = part.map { $0[keyPath: size] }
                guard let least = sizes.min(), let most = sizes.max(), least < most else { return nil }
                let series = series(
                    part,
                    // A curve where one setting alone makes the size; grids of two are clouds.
                    isJoined: { family in
                        let own = part.filter { $0.family == family }
                        return own.count > 1 && own.allSatisfy { $0.axes.count == 1 }
                    },
                    { (Estimate(value: 100 * $0[keyPath: size], standardError: 0, count: 0), $0[keyPath: value]!) })
                return Figure(
                    id: "\(kind)-\(title.lowercased())", title: "\(title) by \(kind)",
                    content: .points(
                        PointPlot(
                            xLabel: unit, yLabel: label, yRange: title == "ASR" ? rateRange : nil,
                            isXLogarithmic: most > 8 * least,
                            // Perplexities of broken models are thousands of times those of sound ones.
                            isYLogarithmic: title == "Perplexity", series: series)))
            }
        }
    }
}
