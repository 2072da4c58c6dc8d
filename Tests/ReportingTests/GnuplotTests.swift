import Foundation
import FoundationXML
import Reporting
import Testing

@Suite struct GnuplotTests {
    private static let figures: [Figure] = [
        Figure(
            id: "points", title: "P",
            content: .points(
                PointPlot(
                    xLabel: "a < b & 'c' `id`", yLabel: "y\\",
                    series: [
                        .init(name: "<b>it's</b>", points: [.init(x: 1, y: 1, yError: 0.1)], style: 1),
                        .init(name: "one", points: [.init(x: 1, y: 1)], isJoined: true, style: 13),
                    ]))),
        Figure(
            id: "none", title: "N",
            content: .points(PointPlot(xLabel: "x", yLabel: "y", isXLogarithmic: true, series: []))),
        Figure(
            id: "map", title: "M",
            content: .heatMap(
                HeatMap(
                    xLabel: "layer", yLabel: "map", columns: ["0", "1"], rows: ["q", "k"],
                    values: [[0.5, nil], [0, 1]], valueLabel: "φ", range: 0...1, showsValues: true))),
    ]

    @Test func withoutGnuplotThereIsNone() {
        #expect(Gnuplot(path: "") == nil)
        #expect(Gnuplot(path: "/nowhere:/nowhere/else") == nil)
    }

    @Test(.enabled(if: Gnuplot() != nil, "gnuplot is not installed"), arguments: GnuplotTests.figures)
    func drawsWhatIsWellFormed(figure: Figure) throws {
        let gnuplot = try #require(Gnuplot())
        #expect(gnuplot.version?.hasPrefix("gnuplot") == true)
        let svg = try gnuplot.svg(figure)
        #expect(XMLParser(data: Data(svg.utf8)).parse())
        let inline = try #require(InlineSVG.inline(svg, id: figure.id, title: figure.title))
        #expect(XMLParser(data: Data(inline.utf8)).parse())
        #expect(!inline.contains("black"), "black words on dark ground")
        #expect(!inline.contains("id='gpPt") && inline.contains("id='\(figure.id)-gpPt"))
    }

    @Test(.enabled(if: Gnuplot() != nil, "gnuplot is not installed"))
    func wordsAreDrawnAsTheyAre() throws {
        let svg = try #require(Gnuplot()).svg(Self.figures[0])
        #expect(svg.contains("a &lt; b &amp; 'c' `id`"))
        #expect(svg.contains("&lt;b>it's&lt;/b>") || svg.contains("&lt;b&gt;it's&lt;/b&gt;"))
    }

    @Test func aProgramThatFailsSaysSo() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let program = folder.appendingPathComponent("gnuplot")
        try "#!/bin/sh\necho 'line 3: undefined' >&2\nexit 1\n".write(to: program, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program.path)
        let gnuplot = try #require(Gnuplot(path: folder.path))
        #expect(gnuplot.version == nil)
        #expect(throws: Gnuplot.Failure(description: "gnuplot failed: line 3: undefined")) {
            try gnuplot.svg(Self.figures[0])
        }
    }
}
