import Reporting
import Testing

@Suite struct GnuplotScriptTests {
    private static func plot(_ series: [PointPlot.Series], isXLogarithmic: Bool = false) -> Figure {
        Figure(
            id: "f", title: "F",
            content: .points(
                PointPlot(
                    xLabel: "accuracy", yLabel: "ASR", yRange: 0...1, isXLogarithmic: isXLogarithmic, series: series)))
    }

    @Test func pointsStandInADataBlockWithTheirBars() {
        let script = GnuplotScript.script(
            Self.plot([
                .init(name: "a", points: [.init(x: 0.5, y: 0.25, xError: 0.125, yError: 0.0625)], style: 1),
                .init(name: "b", points: [.init(x: 1, y: 0), .init(x: 2, y: 1)], isJoined: true, style: 2),
            ]))
        #expect(script.contains("$d0 << EOD\n0.5 0.25 0.125 0.0625\nEOD\n"))
        #expect(script.contains("$d1 << EOD\n1.0 0.0 0.0 0.0\n2.0 1.0 0.0 0.0\nEOD\n"))
        #expect(script.contains("set yrange [0.0:1.0]"))
        #expect(script.contains("$d0 using 1:2:3:4 with xyerrorbars"))
        #expect(!script.contains("$d1 using 1:2:3:4"), "no bars where there are no errors")
        #expect(script.contains("$d1 using 1:2 with linespoints") && script.contains("title 'b'"))
    }

    @Test func namesRunNoCommands() {
        let name = "it's `id` \"$(id)\"\n@exit"
        let script = GnuplotScript.script(
            Self.plot([.init(name: name, points: [.init(x: 0, y: 0)], style: 0)]))
        #expect(script.contains("title 'it''s `id` \"$(id)\" @exit'"))
    }

    @Test func whatCannotBeDrawnIsLeftOut() {
        let points = [
            PointPlot.Point(x: 0, y: 1), .init(x: .nan, y: 1), .init(x: 2, y: .infinity), .init(x: 4, y: 0.5),
        ]
        let script = GnuplotScript.script(
            Self.plot([.init(name: "a", points: points, style: 0)], isXLogarithmic: true))
        #expect(script.contains("$d0 << EOD\n4.0 0.5 0.0 0.0\nEOD\n"))
        #expect(script.contains("set logscale x"))
        #expect(!script.contains("set logscale y"))
        #expect(script.contains("set xtics ('1' 1, '2' 2, '5' 5, '10' 10, '20' 20)"))
        let empty = GnuplotScript.script(Self.plot([.init(name: "a", points: [], style: 0)]))
        #expect(empty.contains("no data") && !empty.contains("$d0"))
    }

    @Test func heatMapsHaveTheirCellsAndNames() {
        let map = HeatMap(
            xLabel: "q, %", yLabel: "p, %", columns: ["1", "5"], rows: ["1", "5"], values: [[0.25, nil], [1, 0]],
            valueLabel: "ASR", range: 0...1, showsValues: true)
        let script = GnuplotScript.script(Figure(id: "h", title: "H", content: .heatMap(map)))
        #expect(script.contains("$d << EOD\n0 0 0.25\n0 1 1.0\n1 1 0.0\nEOD\n"))
        #expect(script.contains("set xtics ('1' 0, '5' 1)"))
        #expect(script.contains("set label '0.25' at 0, 0"))
        #expect(script.contains("set cbrange [0.0:1.0]"))
    }

    @Test func manyLayersHaveFewNames() {
        let layers = (0..<32).map { "\($0)" }
        let map = HeatMap(
            xLabel: "layer", yLabel: "map", columns: layers, rows: ["q"], values: [layers.map { _ in 0.5 }],
            valueLabel: "φ", range: 0...1, showsValues: false)
        let script = GnuplotScript.script(Figure(id: "h", title: "H", content: .heatMap(map)))
        #expect(script.contains("set xtics ('0' 0, '4' 4, '8' 8, '12' 12, '16' 16, '20' 20, '24' 24, '28' 28)"))
        #expect(!script.contains("set label"))
    }

    @Test func tablesHaveTheSameNumbers() {
        let figure = Self.plot([
            .init(name: "a", points: [.init(x: 0.5, y: 0.25, yError: 0.0625, label: "p1")], style: 1)
        ])
        #expect(figure.table().rows == [["a", "p1", "0.500", "0.250 ± 0.063"]])
        let map = HeatMap(
            xLabel: "x", yLabel: "y", columns: ["1"], rows: ["r"], values: [[nil]], valueLabel: "v", range: 0...1,
            showsValues: false)
        #expect(Figure(id: "h", title: "", content: .heatMap(map)).table().rows == [["r", "—"]])
    }
}
