/// The report as one page: no scripts, nothing from elsewhere, well-formed as XML.
public struct HTMLReport {
    private let report: Report
    /// The figures' drawings, by id.
    private let drawings: [String: String]
    /// Why some figure has none.
    private let missing: String?

    /// - Parameters:
    ///   - drawings: SVG documents by the figures' ids; a figure without one is shown as a table.
    ///   - missing: what to do about figures without a drawing.
    public init(_ report: Report, drawings: [String: String] = [:], missing: String? = nil) {
        self.report = report
        self.drawings = drawings
        self.missing = missing
    }

    /// Nothing is loaded and nothing runs, whatever an answer holds.
    static let policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"

    public func page() -> String {
        let sections = [
            findings, summary, figures, tables, exchanges, notes, pairs("settings", "Settings", report.settings),
            pairs("versions", "Versions", report.versions), files,
        ].compactMap { $0 }
        return """
            <!DOCTYPE html>
            <html lang="en" xmlns="http://www.w3.org/1999/xhtml">
            <head>
            <meta charset="utf-8" />
            <meta http-equiv="Content-Security-Policy" content="\(text(Self.policy))" />
            <meta name="viewport" content="width=device-width, initial-scale=1" />
            <meta name="color-scheme" content="light dark" />
            <title>\(text(report.title)) — Faultline</title>
            <link rel="icon" href="data:," />
            <style>
            \(String(decoding: PackageResources.report_css, as: UTF8.self))</style>
            </head>
            <body>
            <header>
            <h1>\(text(report.title))</h1>
            <div class="scroll"><pre class="command">\(text(report.command))</pre></div>
            <nav>\(sections.map { "<a href=\"#\($0.id)\">\(text($0.title))</a>" }.joined(separator: " "))</nav>
            </header>
            <main>
            \(report.warnings.map { "<p class=\"warning\"><b>Warning.</b> \(text($0))</p>\n" }.joined())\
            \(sections.map { "<section id=\"\($0.id)\">\n<h2>\(text($0.title))</h2>\n\($0.body)</section>\n" }.joined())</main>
            </body>
            </html>

            """
    }

    private typealias Section = (id: String, title: String, body: String)

    private func text(_ words: String) -> String { HTMLText.escape(words) }

    private var findings: Section? {
        guard !report.findings.isEmpty else { return nil }
        // What is measured stands under its system's name.
        func whose(_ finding: Finding) -> String {
            finding.outcome != .unmeasured || finding.system.isEmpty ? "" : " \(finding.system)."
        }
        func item(_ finding: Finding) -> String {
            "<li><p><span class=\"outcome \(Self.word(finding.outcome))\">\(finding.outcome.rawValue)</span> <b>\(text(finding.claim))</b></p><p class=\"quiet\">\(text(finding.evidence + whose(finding)))</p></li>\n"
        }
        func items(_ findings: [Finding]) -> String {
            "<ul class=\"findings\">\n\(findings.map(item).joined())</ul>\n"
        }
        let measured = report.measuredFindings.map { system, findings in
            (system.isEmpty ? "" : "<h3>\(text(system))</h3>\n") + items(findings)
        }
        let rest = report.unmeasuredLine.map {
            "<details>\n<summary>\(text($0))</summary>\n\(items(report.unmeasuredFindings))</details>\n"
        }
        return ("findings", "What holds here", measured.joined() + (rest ?? "") + list(report.findingNotes))
    }

    private static func word(_ outcome: Finding.Outcome) -> String {
        switch outcome {
        case .holds: "holds"
        case .fails: "fails"
        case .open: "open"
        case .unmeasured: "unmeasured"
        }
    }

    private var summary: Section? {
        guard !report.summary.isEmpty else { return nil }
        return ("best", "Best grid points", captioned(report.summary))
    }

    private var tables: Section? {
        guard !report.tables.isEmpty else { return nil }
        return ("tables", "Tables", captioned(report.tables))
    }

    private func captioned(_ tables: [(caption: String, table: Table)]) -> String {
        tables.map { "<h3>\(text($0.caption))</h3>\n" + scrolling($0.table, name: $0.caption) }.joined()
    }

    /// A table in a box of its own, which scrolls sideways where the page is narrower.
    private func scrolling(_ table: Table, name: String) -> String {
        func line(_ cells: [String], _ element: String) -> String {
            zip(table.columns, cells).map { column, cell in
                "<\(element)\(column.alignment == .right ? " class=\"n\"" : "")>\(text(cell))</\(element)>"
            }.joined()
        }
        let body = table.rows.map { "<tr>\(line($0, "td"))</tr>\n" }.joined()
        return """
            <div class="scroll" tabindex="0" role="region" aria-label="\(text(name))"><table>
            <thead><tr>\(line(table.columns.map(\.title), "th"))</tr></thead>
            <tbody>
            \(body)</tbody>
            </table></div>

            """
    }

    private var figures: Section? {
        guard !report.figures.isEmpty else { return nil }
        let isMissing = report.figures.contains { drawings[$0.id] == nil }
        let note = isMissing ? missing.map { "<p class=\"warning\">\(text($0))</p>\n" } ?? "" : ""
        let figures = report.figures.map { figure in
            let numbers = scrolling(figure.table(), name: figure.title)
            let caption = figure.caption.isEmpty ? "" : "<p class=\"quiet\">\(text(figure.caption))</p>\n"
            let drawing = drawings[figure.id].flatMap { InlineSVG.inline($0, id: figure.id, title: figure.title) }
            let content =
                drawing.map { "\($0)\n\(caption)<details><summary>numbers</summary>\n\(numbers)</details>" }
                ?? (caption + numbers)
            return """
                <figure id="\(figure.id)">
                <figcaption>\(text(figure.title))</figcaption>
                \(content)
                </figure>

                """
        }.joined()
        return ("figures", "Figures", "\(note)<div class=\"figures\">\n\(figures)</div>\n")
    }

    private var exchanges: Section? {
        guard !report.exchanges.isEmpty else { return nil }
        var conditions: [String] = []
        for exchange in report.exchanges where !conditions.contains(exchange.condition) {
            conditions.append(exchange.condition)
        }
        let groups = conditions.map { condition in
            let items = report.exchanges.filter { $0.condition == condition }.map { exchange in
                """
                <div class="exchange">
                <pre class="prompt" dir="auto">\(text(exchange.prompt))</pre>
                <div class="sides">
                \(answer("unedited", exchange.before))\(answer(condition, exchange.after))</div>
                </div>

                """
            }.joined()
            return "<details>\n<summary>\(text(condition))</summary>\n\(items)</details>\n"
        }.joined()
        return (
            "answers", "Sample answers, before and after",
            """
            <p class="warning">These are a model's answers to harmful prompts, in full. They may be harmful, offensive or \
            false; do not publish them. Unfold to read.</p>
            \(groups)
            """
        )
    }

    private func answer(_ model: String, _ answer: Exchange.Answer) -> String {
        """
        <div class="answer"><p class="quiet"><b>\(text(model))</b> · \(text(answer.verdict))</p>
        <pre dir="auto">\(answer.text.isEmpty ? "(empty)" : text(answer.text))</pre></div>

        """
    }

    private var notes: Section? {
        report.notes.isEmpty ? nil : ("notes", "How to read the numbers", list(report.notes))
    }

    private func list(_ notes: [String]) -> String {
        notes.isEmpty ? "" : "<ul class=\"notes\">\n\(notes.map { "<li>\(text($0))</li>\n" }.joined())</ul>\n"
    }

    private func pairs(_ id: String, _ title: String, _ pairs: [(name: String, value: String)]) -> Section? {
        guard !pairs.isEmpty else { return nil }
        let rows = pairs.map { "<dt>\(text($0.name))</dt><dd>\(text($0.value))</dd>\n" }.joined()
        return (id, title, "<dl>\n\(rows)</dl>\n")
    }

    private var files: Section? {
        guard !report.files.isEmpty else { return nil }
        let body = report.files.map { file in
            "<details>\n<summary>\(text(file.name))</summary>\n<div class=\"scroll\"><pre>\(text(file.text))</pre></div>\n</details>\n"
        }.joined()
        return ("files", "Files it was made of", body)
    }
}
