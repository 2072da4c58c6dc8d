import Checkpoint
package import Reporting
package import Selection

/// Curves of the reasoning's direction (SSAH, arXiv 2410.10862, figures 2 to 4).
extension StudyFigures {
    /// Distances over tokens; distances and their difference over blocks, at the largest number of tokens. The final norm's
    /// values have a scale of their own: they are in the table and no point of the curves.
    package static func reasoning(_ curves: ReasoningCurves) -> [Figure] {
        let tokens = curves.points.map(\.tokens).max() ?? 0
        let points = curves.points.filter { $0.tokens == tokens && $0.place != .norm }
        func curve(_ name: String, _ style: Int, _ value: (ReasoningCurves.Point) -> Double) -> PointPlot.Series {
            self.curve(name, style, points.map { (x: $0.layer, y: value($0)) }) { "block \($0)" }
        }
        let over = curves.overTokens
        func overTokens(_ name: String, _ style: Int, _ values: [Double]) -> PointPlot.Series {
            self.curve(name, style, zip(over, values).map { (x: $0.tokens, y: $1) }) { "\($0) tokens" }
        }
        let mean = "Mean of 1 − cosine over \(curves.prompts) prompts, of the last token's state without and with"
        return [
            Figure(
                id: "reasoning-tokens", title: "How far an answer's beginning moves the state, by its tokens",
                caption: "\(mean) so many tokens of an answer, averaged over all blocks' outputs.",
                content: .points(
                    PointPlot(
                        xLabel: "tokens of the answer", yLabel: "cosine distance",
                        series: [
                            overTokens("benign", 0, over.map { $0.benign }),
                            overTokens("malicious", 1, over.map { $0.malicious }),
                        ]))),
            Figure(
                id: "reasoning-blocks", title: "How far an answer's beginning moves the state, block by block",
                caption: "\(mean) \(tokens) tokens of an answer, at each block's output.",
                content: .points(
                    PointPlot(
                        xLabel: "block", yLabel: "cosine distance",
                        series: [curve("benign", 0, \.benign), curve("malicious", 1, \.malicious)]))),
            Figure(
                id: "reasoning-difference", title: "Benign and malicious beginnings apart, block by block",
                caption: "|benign − malicious| of the mean distances with \(tokens) tokens of an answer, not smoothed.",
                content: .points(
                    PointPlot(
                        xLabel: "block", yLabel: "difference of distances",
                        series: [curve("difference", 0, \.difference)]))),
        ]
    }
}
