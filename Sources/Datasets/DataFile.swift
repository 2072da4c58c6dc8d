package import Tensors

/// One entry of a data file, and where it stands ("pairs.jsonl:3").
package struct DataEntry: Sendable, Equatable {
    package var place: String
    /// A text, or an object of the entry's fields.
    package var value: JSON
}

/// A data file's entries, however the file holds them: one reader for all that Faultline reads beside models and studies.
package struct DataFile: Sendable {
    package let path: String
    package let form: DataForm
    /// What it was taken for, in words.
    package let formTitle: String
    /// Names of the columns, or of all keys, as they are written, in the order in which they first come.
    package let columns: [String]
    package let entries: [DataEntry]
    /// The column that the user chose (`FILE:COLUMN`).
    package let chosen: String?

    /// - Parameter name: a path, or `PATH:COLUMN`.
    /// - Throws: `InputError` with file, line and fault.
    package init(_ name: String, as kind: DataKind) throws(InputError) {
        let (path, column) = Self.split(name)
        var kind = kind
        if let column { kind.columns.append(column.lowercased()) }
        let text = try TextFile.decoded(path)
        let form = try FormRecognition(path, text.bytes, kind).form()
        guard form != .text || (kind.takesText && column == nil) else {
            let wanted = column.map { "a column \($0)" } ?? kind.columns.joined(separator: ", ")
            throw InputError(
                path, "text without columns: \(kind.name) are JSON lines, a JSON list, CSV or TSV with \(wanted)")
        }
        self.path = path
        self.form = form
        chosen = column
        (columns, entries) = try Self.entries(form, text.bytes, path)
        let ending = FormRecognition.ending(path)
        let isOther = ending != nil && ending != form && !(ending == .json && form == .jsonLines)
        formTitle =
            form.title + (text.isUTF16 ? " in UTF-16" : "") + (isOther ? " (in spite of its ending)" : "")
            + (form == .text ? ", one a line" : "")
            + (columns.isEmpty ? "" : " with \([.csv, .tsv].contains(form) ? "columns " : "")\(Self.list(columns))")
    }

    /// `FILE:COLUMN`, unless a file of the whole name is there.
    package static func split(_ name: String) -> (path: String, column: String?) {
        guard !Files.exists(name), let colon = name.lastIndex(of: ":") else { return (name, nil) }
        let (path, column) = (String(name[..<colon]), String(name[name.index(after: colon)...]))
        guard !column.isEmpty, !column.contains("/"), Files.exists(path) else { return (name, nil) }
        return (path, column)
    }

    /// At most a dozen names.
    static func list(_ names: [String]) -> String {
        names.prefix(12).map { $0.isEmpty ? "(no name)" : $0 }.joined(separator: ", ") + (names.count > 12 ? ", …" : "")
    }

    /// The column of that name, in whatever case of letters it is written.
    /// - Throws: `InputError` where two columns differ in case alone.
    package func column(_ name: String) throws(InputError) -> String? {
        let found = columns.filter { $0.lowercased() == name.lowercased() }
        guard found.count < 2 else {
            throw InputError(path, "has columns \(found.joined(separator: " and ")): rename all but one")
        }
        return found.first
    }

    // MARK: Reading

    private static func entries(
        _ form: DataForm, _ bytes: [UInt8], _ path: String
    ) throws(InputError) -> (columns: [String], entries: [DataEntry]) {
        switch form {
        case .text:
            let lines = TextFile.lines(bytes).enumerated().map {
                DataEntry(place: "\(path):\($0 + 1)", value: .text(trimmed($1)))
            }
            return ([], lines.filter { $0.value != .text("") })
        case .csv, .tsv:
            let table = try CSV.table(bytes, source: path, separator: form == .csv ? "," : "\t")
            let entries = table.rows.map { row in
                DataEntry(
                    place: "\(path):\(row.line)",
                    value: .object(zip(table.columns, row.fields).map { JSON.Member($0, .text($1)) }))
            }
            return (table.columns, entries)
        case .json: return try withKeys(json(bytes, path))
        case .jsonLines: return try withKeys(jsonLines(bytes, path))
        }
    }

    private static func json(_ bytes: [UInt8], _ path: String) throws(InputError) -> [DataEntry] {
        let json: JSON
        do throws(JSONError) { json = try JSON.parse(bytes) } catch {
            throw InputError("\(path):\(TextFile.line(of: error.offset, in: bytes))", "not valid JSON: \(error.fault)")
        }
        guard let elements = json.elements else {
            if let members = json.members,
                members.contains(where: { $0.value.elements != nil || $0.value.members != nil }),
                !members.contains(where: { $0.value.string != nil })
            {
                throw InputError(
                    path,
                    "a JSON object with \(list(members.map(\.key.text))), not a list of entries: write an object an entry"
                )
            }
            return [DataEntry(place: path, value: json)]
        }
        return elements.enumerated().map { DataEntry(place: "\(path), entry \($0 + 1)", value: $1) }
    }

    private static func jsonLines(_ bytes: [UInt8], _ path: String) throws(InputError) -> [DataEntry] {
        var entries: [DataEntry] = []
        for (number, line) in TextFile.lines(bytes).enumerated() {
            let text = trimmed(line)
            guard !text.isEmpty else { continue }
            let place = "\(path):\(number + 1)"
            guard !text.hasPrefix("#"), !text.hasPrefix("//") else {
                throw InputError(place, "a comment, and JSON lines have none: remove this line")
            }
            do throws(JSONError) {
                entries.append(DataEntry(place: place, value: try JSON.parse(Array(text.utf8))))
            } catch {
                throw InputError(place, "\(error)")
            }
        }
        return entries
    }

    /// All keys of all entries, each of which has to be an object or a text.
    private static func withKeys(
        _ entries: [DataEntry]
    ) throws(InputError) -> (columns: [String], entries: [DataEntry]) {
        var seen: Set<ByteString> = []
        var columns: [String] = []
        for entry in entries {
            guard let members = entry.value.members else {
                guard entry.value.string != nil else {
                    throw InputError(entry.place, "neither a JSON object nor a text")
                }
                continue
            }
            for member in members where seen.insert(member.key).inserted { columns.append(member.key.text) }
        }
        return (columns, entries)
    }
}
