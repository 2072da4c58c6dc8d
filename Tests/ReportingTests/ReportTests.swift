import Reporting
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
}
