import Foundation
import FoundationXML
import Reporting
import StudyFile
import Testing

@Suite struct HTMLReportTests {
    private static let nasty =
        "</pre><script src=\"https://evil.example/x.js\"></script><img src=x onerror='alert(1)'>\0\u{1B}"

    private static var report: Report {
        var report = Report(title: "Study \(nasty)", command: "faultline study run \(nasty)")
        report.settings = [(nasty, nasty)]
        report.versions = [("faultline", "1")]
        report.warnings = [nasty]
        report.notes = [nasty]
        var table = Table([.init("condition", .left), .init("ASR")])
        table.append([nasty, "0.50 ± 0.10"])
        report.tables = [(nasty, table)]
        report.summary = [("Best", table)]
        report.findings = Finding.Outcome.allCases.map { Finding(claim: nasty, outcome: $0, evidence: nasty) }
        report.findingNotes = [nasty]
        report.figures = [
            Figure(
                id: "f-1", title: nasty, caption: nasty,
                content: .points(
                    PointPlot(
                        xLabel: nasty, yLabel: "y",
                        series: [.init(name: nasty, points: [.init(x: 1, y: 2, label: nasty)], style: 1)])))
        ]
        report.exchanges = [
            Exchange(
                condition: "c", prompt: nasty, before: .init(text: nasty, verdict: "refusal"),
                after: .init(text: "", verdict: nasty))
        ]
        report.files = [("study.yaml", nasty)]
        return report
    }

    /// Elements, and every attribute, as an XML parser sees them.
    private final class Reader: NSObject, XMLParserDelegate {
        var elements: [String] = []
        var attributes: [(element: String, name: String, value: String)] = []
        var text = ""
        func parser(
            _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
            attributes values: [String: String] = [:]
        ) {
            elements.append(name)
            attributes += values.map { (name, $0.key, $0.value) }
        }
        func parser(_ parser: XMLParser, foundCharacters string: String) { text += string }
    }

    private func read(_ page: String) throws -> Reader {
        let parser = XMLParser(data: Data(page.utf8))
        let reader = Reader()
        parser.delegate = reader
        #expect(parser.parse(), "line \(parser.lineNumber): \(String(describing: parser.parserError))")
        return reader
    }

    private static let drawing = """
        <?xml version="1.0" encoding="utf-8"  standalone="no"?>
        <svg
         viewBox="0 0 480 360"
         xmlns="http://www.w3.org/2000/svg"
         xmlns:xlink="http://www.w3.org/1999/xlink"
        >
        <title>Gnuplot</title>
        <desc>Produced by GNUPLOT</desc>
        <g id="gnuplot_canvas" color="black"><circle id='gpDot' r='1' stroke='black'/><use xlink:href='#gpDot'/></g>
        </svg>

        """

    @Test(arguments: [[:], ["f-1": HTMLReportTests.drawing]])
    func isWellFormedAndLoadsNothing(drawings: [String: String]) throws {
        let page = HTMLReport(Self.report, drawings: drawings, missing: "gnuplot is not installed").page()
        let reader = try read(page)
        let forbidden = ["script", "img", "iframe", "object", "embed", "form", "base"]
        #expect(reader.elements.filter(forbidden.contains) == [])
        for attribute in reader.attributes {
            #expect(!attribute.name.hasPrefix("on"), "\(attribute)")
            if ["src", "href", "xlink:href"].contains(attribute.name) {
                #expect(
                    attribute.value.hasPrefix("#") || attribute.value == "data:,",
                    "\(attribute.element) \(attribute.name)=\(attribute.value)")
            }
        }
        #expect(!page.contains("@import") && !page.contains("url(http"))
        #expect(page.contains("default-src &#39;none&#39;"))
        // The words themselves are all there, as text.
        #expect(reader.text.components(separatedBy: "<script src=\"https://evil.example/x.js\">").count > 10)
    }

    @Test func aFigureIsADrawingOrATable() throws {
        let drawn = HTMLReport(Self.report, drawings: ["f-1": Self.drawing], missing: "install it").page()
        #expect(drawn.contains("<svg role=\"img\"") && !drawn.contains("install it"))
        #expect(drawn.contains("id='f-1-gpDot'") && drawn.contains("href='#f-1-gpDot'"))
        #expect(!drawn.contains("Produced by") && !drawn.contains("<?xml"))
        #expect(drawn.contains("color=\"currentColor\"") && drawn.contains("stroke='currentColor'"))
        let bare = HTMLReport(Self.report, missing: "install it").page()
        #expect(!bare.contains("<svg") && bare.contains("install it"))
        #expect(bare.contains("<td class=\"n\">2.000</td>"))
    }

    @Test func partsThatAreEmptyAreLeftOut() throws {
        let reader = try read(HTMLReport(Report(title: "t", command: "c")).page())
        #expect(!reader.elements.contains("section"))
        #expect(!reader.elements.contains("a"))
    }

    @Test func idsAreUniqueAndLinksLeadSomewhere() throws {
        let reader = try read(HTMLReport(Self.report, drawings: ["f-1": Self.drawing]).page())
        let ids = reader.attributes.filter { $0.name == "id" }.map(\.value)
        #expect(Set(ids).count == ids.count)
        for link in reader.attributes where link.name.hasSuffix("href") && link.value.hasPrefix("#") {
            #expect(ids.contains(String(link.value.dropFirst())), "\(link.value)")
        }
    }
}
