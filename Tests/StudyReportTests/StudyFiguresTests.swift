import Evaluation
import Experiment
import Reporting
import Selection
import StudyFile
import StudyReport
import StudySupport
import Testing

@Suite struct StudyFiguresTests {
    private var grid: [GridPoint] {
        let grid = [1.0, 5].flatMap { p in
            [1.0, 5].map { q in
                var point = Fake.point(
                    "set_difference-p\(Int(p))-q\(Int(q))", .setDifference, asr: q / 10, acc: 0.6, degenerate: p / 10,
                    perplexity: 10, zeroed: q / 100)
                point.axes = [.init("p, %", "\(Int(p))", p), .init("q, %", "\(Int(q))", q)]
                return point
            }
        }
        let top = [5.0, 1].map { q in
            var point = Fake.point("top-\(Int(q))", .top, asr: 0.5, acc: 0.3, degenerate: 1, zeroed: q / 100)
            point.axes = [.init("q, %", "\(Int(q))", q)]
            return point
        }
        return [Fake.unedited] + grid + top
    }

    private func figures(_ points: [GridPoint]) -> [String: Figure] {
        Dictionary(
            uniqueKeysWithValues: StudyFigures.figures(points, settings: ["vanilla"], overlaps: [], probe: nil).map {
                ($0.id, $0)
            })
    }

    @Test func everyMethodAndPointIsThere() throws {
        let figures = figures(grid)
        guard case .points(let plot)? = figures["asr-accuracy-1"]?.content else {
            Issue.record("no such plot")
            return
        }
        #expect(plot.series.map(\.name) == ["unedited", "set difference", "top by safety"])
        #expect(plot.series.map(\.points.count) == [1, 4, 2])
        let point = try #require(plot.series[1].points.first { $0.label == "set_difference-p1-q5" })
        #expect(point.x == 0.6 && point.y == 0.5)
        #expect(abs(point.yError - 0.5 / 99.0.squareRoot()) < 1e-12)
        #expect(Set(plot.series.map(\.style)).count == 3)
    }

    @Test func curvesJoinMethodsOfOneSettingBySize() throws {
        guard case .points(let plot)? = figures(grid)["sparsity-asr"]?.content else {
            Issue.record("no such plot")
            return
        }
        #expect(plot.series.map(\.isJoined) == [false, true])
        #expect(plot.series[1].points.map(\.x) == [1, 5])
        #expect(figures(grid)["rank-asr"] == nil)
        guard case .points(let perplexity)? = figures(grid)["sparsity-perplexity"]?.content else {
            Issue.record("no such plot")
            return
        }
        #expect(perplexity.isYLogarithmic && perplexity.series.map(\.name) == ["set difference"])
        #expect(perplexity.series.flatMap(\.points).allSatisfy { $0.y == 10 && $0.yError == 0.1 })
    }

    @Test func gridsOfTwoSettingsAreHeatMaps() throws {
        guard case .heatMap(let map)? = figures(grid)["grid-1-asr"]?.content else {
            Issue.record("no such heat map")
            return
        }
        #expect(map.rows == ["1", "5"] && map.columns == ["1", "5"])
        #expect(map.values == [[0.1, 0.5], [0.1, 0.5]])
        #expect(map.yLabel == "p, %" && map.xLabel == "q, %")
        let missing = grid.filter { $0.name != "set_difference-p5-q1" }
        guard case .heatMap(let holed)? = figures(missing)["grid-1-asr"]?.content else {
            Issue.record("no such heat map")
            return
        }
        #expect(holed.values == [[0.1, 0.5], [nil, 0.5]])
    }

    @Test func overlapIsLayersByMaps() throws {
        let values = [0, 1].flatMap { layer in
            ["self_attn.q_proj", "mlp.up_proj"].map {
                Overlap.Value(
                    map: "model.layers.\(layer).\($0).weight", value: Double(layer) + ($0.hasPrefix("mlp") ? 0.25 : 0),
                    sizes: [1, 1])
            }
        }
        let figure = StudyFigures.overlap(OverlapTable(measure: "jaccard", files: ["a", "b"], values: values))
        guard case .heatMap(let map) = figure.content else {
            Issue.record("no heat map")
            return
        }
        #expect(map.rows == ["q_proj", "up_proj"] && map.columns == ["0", "1"])
        #expect(map.values == [[0, 1], [0.25, 1.25]])
        #expect(map.range == 0...1.25)
    }

    @Test func nothingMeasuredGivesNoFigures() {
        #expect(figures([Fake.point("u", .unedited)]).isEmpty)
    }
}
