/// The readable account of a run: what was done, with what, and what came out.
public struct Report: Sendable {
    public struct Sample: Sendable {
        public var condition: String
        public var prompt: String
        public var answer: String
        public var verdict: String

        public init(condition: String, prompt: String, answer: String, verdict: String) {
            self.condition = condition
            self.prompt = prompt
            self.answer = answer
            self.verdict = verdict
        }
    }

    public var title: String
    /// The command that made it.
    public var command: String
    public var settings: [(name: String, value: String)] = []
    public var versions: [(name: String, value: String)] = []
    public var tables: [(caption: String, table: Table)] = []
    /// What a reader of the numbers has to know.
    public var notes: [String] = []
    public var warnings: [String] = []
    /// Short excerpts; they may be harmful, so they stay in the user's run directory.
    public var samples: [Sample] = []
    /// What the run shows of claims, those of a system together.
    public var findings: [Finding] = []
    /// How to read the findings.
    public var findingNotes: [String] = []
    /// Tables that come before all others: what the run is about.
    public var summary: [(caption: String, table: Table)] = []
    public var figures: [Figure] = []
    /// Answers before and after, for the page.
    public var exchanges: [Exchange] = []
    /// Files that the run was made of, in full.
    public var files: [(name: String, text: String)] = []

    public init(title: String, command: String) {
        self.title = title
        self.command = command
    }

    /// What stands for the claims that the study does not measure; `nil`: it measures all.
    var unmeasuredLine: String? {
        let count = findings.count { $0.outcome == .unmeasured }
        return count == 0 ? nil : "\(count) claim\(count == 1 ? "" : "s") that this study does not measure"
    }

    /// The findings of every system that the run measures something of, in their order.
    var measuredFindings: [(system: String, findings: [Finding])] {
        var groups: [(system: String, findings: [Finding])] = []
        for finding in findings where finding.outcome != .unmeasured {
            if let place = groups.firstIndex(where: { $0.system == finding.system }) {
                groups[place].findings.append(finding)
            } else {
                groups.append((finding.system, [finding]))
            }
        }
        return groups
    }

    var unmeasuredFindings: [Finding] { findings.filter { $0.outcome == .unmeasured } }

    public func markdown() -> String {
        var text = "# \(title)\n\n```\n\(command)\n```\n"
        for warning in warnings { text += "\n> **Warning.** \(warning)\n" }
        if !findings.isEmpty {
            text += "\n## Findings\n"
            for (system, findings) in measuredFindings {
                var table = Table([.init("claim", .left), .init("here", .left), .init("numbers", .left)])
                for finding in findings { table.append([finding.claim, finding.outcome.rawValue, finding.evidence]) }
                text += (system.isEmpty ? "\n" : "\n### \(system)\n\n") + table.markdown()
            }
            if let line = unmeasuredLine {
                let rest = unmeasuredFindings.map {
                    "* \(HTMLText.escape("\($0.claim). \($0.evidence)" + ($0.system.isEmpty ? "" : " \($0.system).")))\n"
                }
                text += "\n<details><summary>\(line)</summary>\n\n" + rest.joined() + "\n</details>\n"
            }
            if !findingNotes.isEmpty { text += "\n" + findingNotes.map { "* \($0)\n" }.joined() }
        }
        for (caption, table) in summary + tables { text += "\n## \(caption)\n\n" + table.markdown() }
        if !notes.isEmpty { text += "\n" + notes.map { "* \($0)\n" }.joined() }
        text += section("Settings", settings) + section("Versions", versions)
        if !samples.isEmpty {
            var table = Table([
                .init("condition", .left), .init("prompt", .left), .init("answer", .left), .init("verdict", .left),
            ])
            for sample in samples {
                table.append([
                    sample.condition, Format.line(sample.prompt, limit: 60), Format.line(sample.answer), sample.verdict,
                ])
            }
            text += "\n## Sample answers\n\nThe first line of a few answers, for a check by eye.\n\n" + table.markdown()
        }
        return text
    }

    private func section(_ title: String, _ pairs: [(name: String, value: String)]) -> String {
        guard !pairs.isEmpty else { return "" }
        var table = Table([.init("name", .left), .init("value", .left)])
        for (name, value) in pairs { table.append([name, value]) }
        return "\n## \(title)\n\n" + table.markdown()
    }
}
