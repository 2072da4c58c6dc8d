import Tensors

/// A table of text cells, for terminals, Markdown and CSV.
public struct Table: Sendable, Equatable {
    public enum Alignment: Sendable { case left, right }

    public struct Column: Sendable, Equatable {
        public var title: String
        public var alignment: Alignment

        public init(_ title: String, _ alignment: Alignment = .right) {
            self.title = title
            self.alignment = alignment
        }
    }

    public var columns: [Column]
    public private(set) var rows: [[String]] = []

    public init(_ columns: [Column]) { self.columns = columns }

    public mutating func append(_ row: [String]) {
        precondition(row.count == columns.count, "\(row.count) cells in a table of \(columns.count) columns")
        rows.append(row)
    }

    /// Aligned columns for a terminal, two spaces apart, without control characters (`VisibleText`).
    /// - Parameter unicode: `false` spells ± and — in ASCII.
    public func text(unicode: Bool = true) -> String {
        func cell(_ text: String) -> String {
            let shown = VisibleText.line(text)
            return unicode ? shown : ascii(shown)
        }
        let header = columns.map { cell($0.title) }
        let body = rows.map { $0.map(cell) }
        let widths = columns.indices.map { column in ([header] + body).map { $0[column].count }.max() ?? 0 }
        func line(_ cells: [String]) -> String {
            let padded = cells.indices.map { pad(cells[$0], widths[$0], columns[$0].alignment) }
            return trimEnd(padded.joined(separator: "  "))
        }
        let rule = widths.map { String(repeating: unicode ? "─" : "-", count: $0) }.joined(separator: "  ")
        return ([line(header), rule] + body.map(line)).map { $0 + "\n" }.joined()
    }

    /// A GitHub-flavoured Markdown table.
    public func markdown() -> String {
        func line(_ cells: [String]) -> String {
            "| " + cells.map { escape($0) }.joined(separator: " | ") + " |\n"
        }
        let rule = columns.map { $0.alignment == .right ? "---:" : "---" }
        return line(columns.map(\.title)) + "| " + rule.joined(separator: " | ") + " |\n" + rows.map(line).joined()
    }

    /// RFC 4180, with a header line.
    public func csv() -> String {
        ([columns.map(\.title)] + rows).map { $0.map(Self.csvField).joined(separator: ",") + "\n" }.joined()
    }

    public static func csvField(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: { "\",\n\r".unicodeScalars.contains($0) }) else { return text }
        return "\"" + text.map { $0 == "\"" ? "\"\"" : String($0) }.joined() + "\""
    }

    private func ascii(_ text: String) -> String {
        text.map { $0 == "±" ? "+/-" : $0 == "—" ? "-" : String($0) }.joined()
    }

    private func escape(_ text: String) -> String {
        text.map { $0 == "|" ? "\\|" : $0.isNewline ? " " : String($0) }.joined()
    }

    private func pad(_ text: String, _ width: Int, _ alignment: Alignment) -> String {
        let space = String(repeating: " ", count: max(0, width - text.count))
        return alignment == .left ? text + space : space + text
    }

    private func trimEnd(_ text: String) -> String {
        var text = text
        while text.last == " " { text.removeLast() }
        return text
    }
}
