import Checkpoint
import Experiment
package import Reporting
package import Selection

/// Curves over layers (Safety Layers, arXiv 2408.17003, figures 1 and 2).
extension StudyFigures {
    /// Mean cosines of the three kinds of pairs, and the gap between angles. The final norm's values have a scale of their
    /// own: they are in the table and no point of the curves.
    package static func layerCurves(_ curves: LayerCurves) -> [Figure] {
        let points = curves.points.filter { $0.place != .norm }
        func curve(_ name: String, _ style: Int, _ value: (LayerCurves.Point) -> Double) -> PointPlot.Series {
            self.curve(name, style, points.map { (x: $0.layer, y: value($0)) }) { "block \($0)" }
        }
        let pairs = "\(curves.pairs) pairs of each kind, seed \(curves.seed)"
        return [
            Figure(
                id: "layer-cosines", title: "Cosine of the last tokens' states, block by block",
                caption: "Mean over \(pairs), of the residual stream at each block's output.",
                content: .points(
                    PointPlot(
                        xLabel: "block", yLabel: "mean cosine",
                        series: LayerCurves.Kind.allCases.enumerated().map { number, kind in
                            curve(kind.rawValue, number) { $0.cosines[kind]! }
                        }))),
            Figure(
                id: "layer-gaps", title: "Angle between normal and malicious prompts, block by block",
                caption:
                    "Arc cosine of the mean cosine of normal-malicious pairs, less that of normal-normal pairs; \(pairs). Safety layers begin where the gap appears and end where its rise first smooths.",
                content: .points(
                    PointPlot(xLabel: "block", yLabel: "angle gap, °", series: [curve("gap", 0, \.gap)]))),
        ]
    }

    /// A curve over whole numbers: blocks, or tokens.
    /// - Parameter label: a point's, by where it stands.
    static func curve(
        _ name: String, _ style: Int, _ points: [(x: Int, y: Double)], label: (Int) -> String
    ) -> PointPlot.Series {
        PointPlot.Series(
            name: name, points: points.map { .init(x: Double($0.x), y: $0.y, label: label($0.x)) }, isJoined: true,
            style: style)
    }
}
