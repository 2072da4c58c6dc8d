import Reporting
import StudyFile
import Testing

@Suite struct ReportTests {
    @Test func holdsEverythingAndKeepsSamplesShort() {
        var report = Report(title: "Study x", command: "faultline study run x.yaml")
        report.settings = [("seed", "42")]
        report.warnings = ["few pairs"]
        var table = Table([.init("condition", .left)])
        table.append(["unedited"])
        report.tables = [("Results", table)]
        report.samples = [
            .init(
                condition: "c", prompt: "p", answer: "first\n" + String(repeating: "long ", count: 100),
                verdict: "answer")
        ]
        let text = report.markdown()
        for part in [
            "# Study x", "faultline study run x.yaml", "## Results", "| seed | 42 |", "**Warning.** few pairs",
        ] {
            #expect(text.contains(part), "\(part) is missing")
        }
        let sample = text.split(separator: "\n").first { $0.contains("first long") }
        #expect(sample.map { $0.count < 140 } == true)
    }

    @Test func findingsAndBestPointsComeFirst() throws {
        var report = Report(title: "t", command: "c")
        report.findings = [Finding(claim: "a | b", outcome: .fails, evidence: "0.10 ± 0.02")]
        report.findingNotes = ["how to read them"]
        var table = Table([.init("method", .left)])
        table.append(["set difference"])
        report.summary = [("Best", table)]
        report.tables = [("Results", table)]
        let text = report.markdown()
        #expect(text.contains("| a \\| b | does not hold | 0.10 ± 0.02 |"))
        #expect(text.contains("* how to read them"))
        #expect(!text.contains("<details>"))
        let places = try ["## Findings", "## Best", "## Results"].map {
            try #require(text.firstRange(of: $0)).lowerBound
        }
        #expect(places == places.sorted())
    }

    @Test func whatIsNotMeasuredIsFoldedAwayUnderOneLine() throws {
        var report = Report(title: "t", command: "c")
        report.findings = [
            Finding(claim: "first", outcome: .unmeasured, evidence: "The study has no <top>."),
            Finding(claim: "second", outcome: .holds, evidence: "0.10 ± 0.02"),
            Finding(claim: "third", outcome: .unmeasured, evidence: "none"),
        ]
        let text = report.markdown()
        #expect(text.contains("| second | holds |") && !text.contains("| first |"))
        #expect(text.contains("<details><summary>2 claims that this study does not measure</summary>"))
        #expect(text.contains("* first. The study has no &lt;top&gt;."))
        let page = HTMLReport(report).page()
        let places = try ["<b>second</b>", "<summary>2 claims", "<b>first</b>"].map {
            try #require(page.firstRange(of: $0)).lowerBound
        }
        #expect(places == places.sorted())
        report.findings = [report.findings[0]]
        #expect(report.markdown().contains("<summary>1 claim that this study does not measure</summary>"))
        #expect(!report.markdown().contains("| claim |"))
    }

    @Test func claimsOfASystemStandTogetherUnderItsName() throws {
        var report = Report(title: "t", command: "c")
        let rows: [(system: String, claim: String, outcome: Finding.Outcome)] = [
            ("A", "first", .holds), ("B & C", "second", .unmeasured), ("D", "third", .open), ("A", "fourth", .fails),
        ]
        for row in rows {
            var finding = Finding(claim: row.claim, outcome: row.outcome, evidence: "none")
            finding.system = row.system
            report.findings.append(finding)
        }
        for (text, words) in [
            (
                report.markdown(),
                ["### A", "| first |", "| fourth |", "### D", "| third |", "<details>", "* second. none B &amp; C."]
            ),
            (
                HTMLReport(report).page(),
                [
                    "<h3>A</h3>", "<b>first</b>", "<b>fourth</b>", "<h3>D</h3>", "<b>third</b>", "<details>",
                    "<b>second</b>", "none B &amp; C.",
                ]
            ),
        ] {
            let places = try words.map { try #require(text.firstRange(of: $0), "\($0)").lowerBound }
            #expect(places == places.sorted())
            #expect(!text.contains("### B") && !text.contains("<h3>B"), "it has no measured claim")
        }
    }
}
