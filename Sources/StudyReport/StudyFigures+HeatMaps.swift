import Evaluation
package import Experiment
package import Reporting
import Selection
import StudyFile

/// Grids of two settings, overlaps of linear maps and probes of heads.
extension StudyFigures {
    /// Grids of two settings: gated ASR and accuracy in every cell.
    static func grids(_ points: [GridPoint]) -> [Figure] {
        let families = Set(points.filter { $0.axes.count == 2 }.map(\.family)).sorted()
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
                            xLabel: columns[0].name, yLabel: rows[0].name, columns: columns.map(\.title),
                            rows: rows.map(\.title), values: cells, valueLabel: label,
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
                : "Similarity of the first \(table.rank?.text ?? "") directions; \(table.files.joined(separator: " and ")).",
            content: .heatMap(
                HeatMap(
                    xLabel: "layer", yLabel: "linear map", columns: layers.map { "\($0)" },
                    rows: kinds.map { $0.split(separator: ".").last.map(String.init) ?? $0 }, values: cells,
                    valueLabel: symbol, range: 0...max(0.01, table.values.map(\.value).max() ?? 1), showsValues: false))
        )
    }

    static func heads(_ probe: HeadProbe) -> Figure {
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
