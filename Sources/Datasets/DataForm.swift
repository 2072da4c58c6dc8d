import Tensors

/// What the entries of a data file are to be, as far as the file's form depends on it.
package struct DataKind: Sendable {
    /// In the plural, for people ("prompts").
    package var name: String
    /// Names that a header line is known by, in lower case.
    package var columns: [String]
    /// Whether a line of text can be an entry.
    package var takesText = true
    /// Lines that may be any text: nothing but whole JSON or a known header is taken for something else.
    package var isVerbatim = false
}

/// How a data file holds its entries.
package enum DataForm: Sendable, Equatable {
    /// An entry a line.
    case text
    case jsonLines
    /// One JSON value: a list of entries, or an object that is one.
    case json
    case csv, tsv

    var title: String {
        switch self {
        case .text: "text"
        case .jsonLines: "JSON lines"
        case .json: "JSON"
        case .csv: "CSV"
        case .tsv: "TSV"
        }
    }
}

/// Decides by ending and content what form a data file has.
///
/// The rule, in this order:
/// 1. Content that is JSON is JSON, whatever the file is called: a whole JSON list, or a first line that is a JSON object.
/// 2. A first line that is a header with a known column is one, separated by commas or tabs.
/// 3. `.jsonl` (`.ndjson`), `.json`, `.csv`, `.tsv` in any case of letters: that form.
/// 4. `.txt` and other endings, or none: text, an entry a line. Text that could be broken JSON, or CSV with columns nobody
///    knows, is refused.
struct FormRecognition {
    private let path: String
    private let bytes: [UInt8]
    private let kind: DataKind
    private let lines: [(number: Int, text: String)]

    init(_ path: String, _ bytes: [UInt8], _ kind: DataKind) {
        (self.path, self.bytes, self.kind) = (path, bytes, kind)
        lines = TextFile.lines(bytes).enumerated().compactMap { index, line in
            let text = trimmed(line)
            return text.isEmpty ? nil : (index + 1, text)
        }
    }

    /// The form that a file's ending says; `nil` where it says none.
    static func ending(_ path: String) -> DataForm? {
        switch suffix(of: path) {
        case "jsonl", "ndjson", "jl": .jsonLines
        case "json": .json
        case "csv": .csv
        case "tsv", "tab": .tsv
        case "txt", "text": .text
        default: nil
        }
    }

    private static func suffix(of path: String) -> String {
        let name = path.split(separator: "/").last ?? ""
        guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return "" }
        return name[name.index(after: dot)...].lowercased()
    }

    /// Endings of files that are text and hold no entries.
    private static let others: Set = ["yaml", "yml", "toml", "ini", "xml", "html", "htm", "py", "ipynb", "sh"]

    /// - Throws: `InputError` where ending and content cannot be made to agree.
    func form() throws(InputError) -> DataForm {
        guard let first = lines.first else { throw InputError(path, "empty file") }
        let suffix = Self.suffix(of: path)
        guard !Self.others.contains(suffix) else {
            throw InputError(
                path, "a file called .\(suffix) holds no \(kind.name): text, JSON lines, JSON, CSV and TSV do")
        }
        if let form = try content(first) { return form }
        switch Self.ending(path) {
        case .jsonLines: throw try notJSON(first)
        case .json: throw try notJSON(first)
        case .csv: return .csv
        case .tsv: return .tsv
        case .text, nil:
            try checkText(first)
            return .text
        }
    }

    /// What the content alone shows; `nil`: nothing for certain.
    private func content(_ first: (number: Int, text: String)) throws(InputError) -> DataForm? {
        if first.text.hasPrefix("["), let json = try? JSON.parse(bytes), json.elements != nil { return .json }
        if Self.isObject(first.text) { return .jsonLines }
        if first.text.hasPrefix("{"), (try? JSON.parse(bytes))?.members != nil { return .json }
        if first.text.hasPrefix("\""), [.json, .jsonLines].contains(Self.ending(path)),
            (try? JSON.parse(Array(first.text.utf8)))?.string != nil
        {
            return .jsonLines
        }
        if ["#", "//"].contains(where: first.text.hasPrefix),
            lines.dropFirst().first.map({ Self.isObject($0.text) }) == true
        {
            throw InputError("\(path):\(first.number)", "a comment, and JSON lines have none: remove this line")
        }
        if first.text.lowercased().hasPrefix("<!doctype html") || first.text.lowercased().hasPrefix("<html") {
            throw InputError(path, "a web page in place of the file: download the file itself")
        }
        // A header of one column is separated by what the ending says.
        let forms = [(",", DataForm.csv), ("\t", .tsv)] as [(Unicode.Scalar, DataForm)]
        for (separator, form) in Self.ending(path) == .tsv ? forms.reversed() : forms
        where isKnownHeader(first.text, separator) { return form }
        if first.text.lowercased().hasPrefix("sep="), first.text.unicodeScalars.count == 5 {
            throw InputError(
                "\(path):\(first.number)",
                "a line of Excel's that says the separator: remove it, and separate by commas or tabs"
            )
        }
        for (separator, name) in [(";", "semicolons"), ("|", "bars")] as [(Unicode.Scalar, String)]
        where isKnownHeader(first.text, separator) {
            throw InputError(
                "\(path):\(first.number)", "columns separated by \(name): save the file with commas or tabs")
        }
        return nil
    }

    static func isObject(_ line: String) -> Bool {
        line.hasPrefix("{") && (try? JSON.parse(Array(line.utf8)))?.members != nil
    }

    // MARK: Headers

    /// A line's fields, where they look like the names of columns: a few words each, at most.
    private func names(_ line: String, _ separator: Unicode.Scalar) -> [String]? {
        let records = try? CSV.parse(Array(line.utf8), source: path, separator: separator)
        guard let fields = records?.first?.fields, records?.count == 1 else { return nil }
        let names = fields.map { trimmed($0) }
        let isName = names.allSatisfy { name in
            name.split(separator: " ").count <= 3
                && name.unicodeScalars.allSatisfy {
                    $0.properties.isAlphabetic || "0123456789_ -.:()/".unicodeScalars.contains($0)
                }
        }
        return isName ? names : nil
    }

    private func isKnownHeader(_ line: String, _ separator: Unicode.Scalar) -> Bool {
        guard let names = names(line, separator) else { return false }
        return names.contains { kind.columns.contains($0.lowercased()) }
    }

    /// A header with none of the names that are known: words without spaces, and as many fields in every line.
    private func unknownHeader(_ line: String) -> [String]? {
        for separator in [",", "\t"] as [Unicode.Scalar] {
            guard let names = names(line, separator), names.count > 1, !line.contains(" "),
                let records = try? CSV.parse(bytes, source: path, separator: separator), records.count > 1,
                records.allSatisfy({ $0.fields.count == names.count })
            else { continue }
            return names
        }
        return nil
    }

    // MARK: Refusals

    private func notJSON(_ first: (number: Int, text: String)) throws(InputError) -> InputError {
        let isBroken = "{[\"".contains(first.text.first!)
        var hint = kind.takesText && !isBroken ? "; a file with one of the \(kind.name) a line ends in .txt" : ""
        if kind.takesText, [.text, nil].contains(Self.ending(path)) {
            hint = "; where \(kind.name) are meant that begin so, write them as JSON lines"
        }
        let isComment = ["#", "//"].contains { first.text.hasPrefix($0) }
        guard !isComment else {
            return InputError("\(path):\(first.number)", "a comment, and JSON has none: remove this line")
        }
        let isList = Self.ending(path) == .json || first.text.hasPrefix("[")
        let whole = isList && "[{".contains(first.text.first!)
        do throws(JSONError) { _ = try JSON.parse(whole ? bytes : Array(first.text.utf8)) } catch {
            let line = whole ? TextFile.line(of: error.offset, in: bytes) : first.number
            return InputError("\(path):\(line)", "not valid JSON: \(error.fault)\(hint)")
        }
        return InputError("\(path):\(first.number)", "neither a JSON object nor a list of entries\(hint)")
    }

    /// Lines that are raw JSON or a table never become entries.
    private func checkText(_ first: (number: Int, text: String)) throws(InputError) {
        guard !kind.isVerbatim else { return }
        let inner = trimmed(String(first.text.dropFirst())).first
        if first.text.hasPrefix("{"), let inner, "\"'}".contains(inner) { throw try notJSON(first) }
        if first.text.hasPrefix("["), (inner ?? lines.dropFirst().first?.text.first).map({ "\"{".contains($0) }) == true
        {
            throw try notJSON(first)
        }
        if let line = lines.first(where: { Self.isObject($0.text) }) {
            throw InputError(
                "\(path):\(line.number)",
                "a JSON object among lines of text: \(kind.name) are either JSON lines or text, one a line")
        }
        if kind.takesText, let names = unknownHeader(first.text) {
            throw InputError(
                "\(path):\(first.number)",
                "looks like a table with columns \(names.joined(separator: ", ")), and which of them has the \(kind.name) is not known; say it as FILE:COLUMN"
            )
        }
    }
}
