import Evaluation
import Foundation
package import Reporting
package import Selection

/// The paper's figures of one run.
package enum StudyFigures {
    /// - Parameter settings: the attack settings' names, in the points' order.
    package static func figures(
        _ points: [GridPoint], settings: [String], overlaps: [OverlapTable], probe: HeadProbe?
    ) -> [Figure] {
        againstAccuracy(points, settings) + degeneration(points) + curves(points) + grids(points)
            + overlaps.map { overlap($0) } + (probe.map { [heads($0)] } ?? [])
    }

    // MARK: Points

    /// One series a family, in the families' order; a family looks alike everywhere.
    private static func series(
        _ points: [GridPoint], isJoined: (MethodFamily) -> Bool = { _ in false },
        _ place: (GridPoint) -> (x: Estimate, y: Estimate)?
    ) -> [PointPlot.Series] {
        let families = Set(points.map(\.family)).sorted {
            ($0.kind.rawValue, $0.isSequential ? 1 : 0) < ($1.kind.rawValue, $1.isSequential ? 1 : 0)
        }
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

    /// Gated ASR and accuracy by the share of weights, and of ranks, that an edit changes.
    private static func curves(_ points: [GridPoint]) -> [Figure] {
        let weights = points.filter { $0.zeroed > 0 }
        let ranks = points.filter { $0.ranks > 0 }
        var figures: [Figure] = []
        for (part, size, kind, unit) in [
            (weights, \GridPoint.zeroed, "sparsity", "zeroed, % of weights"),
            (ranks, \GridPoint.ranks, "rank", "rank of the change, % of all ranks"),
        ] {
            for (title, measure, range) in [
                ("ASR", \GridPoint.success, rateRange), ("Accuracy", \GridPoint.accuracy, nil),
                ("Perplexity", \GridPoint.perplexity, nil),
            ] as [(String, KeyPath<GridPoint, Estimate?>, ClosedRange<Double>?)] {
                let sizes = part.filter { $0[keyPath: measure] != nil }.map { $0[keyPath: size] }
                guard let least = sizes.min(), let most = sizes.max(), Set(sizes).count > 1 else { continue }
                let series = series(
                    part,
                    // A curve where one setting alone makes the size; grids of two are clouds.
                    isJoined: { family in
                        let own = part.filter { $0.family == family }
                        return own.count > 1 && own.allSatisfy { $0.axes.count == 1 }
                    }
                ) { point in
                    guard let value = point[keyPath: measure], title != "Perplexity" || value.value > 0 else {
                        return nil
                    }
                    // Perplexities of broken models are thousands of times those of sound ones.
                    let y =
                        title == "Perplexity"
                        ? Estimate(
                            value: log10(value.value), standardError: value.standardError / value.value / 2.302585093,
                            count: value.count) : value
                    return (Estimate(value: 100 * point[keyPath: size], standardError: 0, count: 0), y)
                }
                figures.append(
                    Figure(
                        id: "\(kind)-\(title.lowercased())", title: "\(title) by \(kind)",
                        content: .points(
                            PointPlot(
                                xLabel: unit,
                                yLabel: title == "ASR"
                                    ? "coherence-gated ASR"
                                    : title == "Perplexity" ? "log10 of perplexity" : "accuracy",
                                yRange: range, isLogarithmic: most > 8 * least, series: series))))
            }
        }
        return figures
    }

    // MARK: Heat maps

    /// Grids of two settings: gated ASR and accuracy in every cell.
    private static func grids(_ points: [GridPoint]) -> [Figure] {
        let families = Set(points.filter { $0.axes.count == 2 }.map(\.family)).sorted {
            ($0.kind.rawValue, $0.isSequential ? 1 : 0) < ($1.kind.rawValue, $1.isSequential ? 1 : 0)
        }
        return families.flatMap { family -> [Figure] in
            let own = points.filter { $0.family == family && $0.axes.count == 2 }
            func values(_ axis: Int) -> [GridPoint.Axis] {
                var seen: [GridPoint.Axis] = []
                for point in own where !seen.contains(point.axes[axis]) { seen.append(point.axes[axis]) }
                return seen.sorted { $0.value < $1.value }
            }
            let (rows, columns) = (values(0), values(1))
            guard rows.count > 1, columns.count > 1 else { return [] }
            return [
                ("ASR", \GridPoint.success, "coherence-gated ASR"), ("accuracy", \GridPoint.accuracy, "accuracy"),
                ("degenerate answers", \GridPoint.degeneration, "degenerate"),
            ].compactMap { title, measure, label -> Figure? in
                let cells = rows.map { row in
                    columns.map { column in
                        own.first { $0.axes == [row, column] }?[keyPath: measure]?.value
                    }
                }
                let known = cells.joined().compactMap { $0 }
                guard let least = known.min(), let most = known.max() else { return nil }
                return Figure(
                    id:
                        "grid-\(family.kind.rawValue)\(family.isSequential ? "s" : "")-\(title.split(separator: " ")[0].lowercased())",
                    title: "\(family.title): \(title)",
                    content: .heatMap(
                        HeatMap(
                            xLabel: columns[0].name, yLabel: rows[0].name, columns: columns.map(\.words),
                            rows: rows.map(\.words), values: cells, valueLabel: label,
                            range: title == "accuracy" ? least...max(most, least + 0.01) : 0...1, showsValues: true)))
            }
        }
    }

    /// Layer × map. The scale ends at the largest value, so that differences show where all are small.
    package static func overlap(_ table: OverlapTable) -> Figure {
        let isJaccard = table.measure == "jaccard"
        let places = table.values.map { (place: OverlapTable.place($0.map), value: $0.value) }
        var kinds: [String] = []
        for place in places where !kinds.contains(place.place.kind) { kinds.append(place.place.kind) }
        let layers = Set(places.map(\.place.layer)).sorted()
        let cells = kinds.map { kind in
            layers.map { layer in places.first { $0.place == (layer, kind) }?.value }
        }
        let symbol = isJaccard ? "Jaccard index" : "φ"
        return Figure(
            id: "overlap-\(table.measure)", title: "\(symbol) per linear map",
            caption: isJaccard
                ? "|A and B| / |A or B|; A: \(table.files[0]), B: \(table.files[1])."
                : "Similarity of the first \(table.rank?.words ?? "") directions; \(table.files.joined(separator: " and ")).",
            content: .heatMap(
                HeatMap(
                    xLabel: "layer", yLabel: "linear map", columns: layers.map { "\($0)" },
                    rows: kinds.map { $0.split(separator: ".").last.map(String.init) ?? $0 }, values: cells,
                    valueLabel: symbol, range: 0...max(0.01, table.values.map(\.value).max() ?? 1), showsValues: false))
        )
    }

    private static func heads(_ probe: HeadProbe) -> Figure {
        let layers = Set(probe.ranking.map(\.layer)).sorted()
        let heads = Set(probe.ranking.map(\.head)).sorted()
        let cells = heads.map { head in
            layers.map { layer in probe.ranking.first { $0.layer == layer && $0.head == head }?.accuracy }
        }
        let least = probe.ranking.map(\.accuracy).min() ?? 0.5
        return Figure(
            id: "heads", title: "Probes of attention heads",
            caption: "Held-out accuracy of telling harmful from harmless prompts by one head's output.",
            content: .heatMap(
                HeatMap(
                    xLabel: "layer", yLabel: "head", columns: layers.map { "\($0)" }, rows: heads.map { "\($0)" },
                    values: cells, valueLabel: "accuracy", range: min(0.5, least)...1, showsValues: false)))
    }
}
