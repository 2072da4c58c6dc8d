package import Reporting
package import Tensors

/// What a data file was taken for, and what of it is used.
package struct DataNote: Sendable, Equatable {
    package var file: String
    /// Form and columns, in words.
    package var form: String
    /// In the plural ("prompts").
    package var kind: String
    /// Where in the entries they stand, in words ("from goal"); empty for text.
    package var source = ""
    /// Columns that are not read.
    package var unread: [String] = []
    /// Entries in the file.
    package var entries: Int
    /// Those that cannot be used: what is wrong with each.
    package var leftOut: [InputError] = []

    /// For people: `prompts.csv: CSV with columns goal, target; 520 prompts from goal`.
    package var line: String {
        let count = entries - leftOut.count
        let what = count == 1 && kind.hasSuffix("s") ? String(kind.dropLast()) : kind
        let missing = leftOut.isEmpty ? "" : " (\(leftOut.count) of \(entries) left out)"
        let rest = unread.isEmpty ? "" : "; not read: \(DataFile.list(unread))"
        return VisibleText.line(
            "\(file): \(form); \(count) \(what)\(source.isEmpty ? "" : " \(source)")\(missing)\(rest)")
    }

    /// Which entries were left out and why, the first few of them; `nil` where none was.
    package var warning: String? {
        guard !leftOut.isEmpty else { return nil }
        return VisibleText.line("\(file): \(leftOut.count) of \(entries) \(kind) left out: \(Self.first(leftOut))")
    }

    static func first(_ faults: [InputError]) -> String {
        faults.prefix(3).map { "\($0.place): \($0.fault)" }.joined(separator: "; ") + (faults.count > 3 ? "; …" : "")
    }

    /// The files of a study or command, a row each.
    package static func table(_ notes: [DataNote]) -> Table {
        var table = Table([
            .init("file", .left), .init("taken for", .left), .init("used", .left), .init("entries"), .init("left out"),
        ])
        for note in notes {
            table.append([
                VisibleText.line(note.file), VisibleText.line(note.form),
                VisibleText.line(note.source.isEmpty ? note.kind : "\(note.kind) \(note.source)"), "\(note.entries)",
                "\(note.leftOut.count)",
            ])
        }
        return table
    }

    package var json: JSON {
        .object([
            .init("file", .text(file)), .init("taken_for", .text(form)), .init("kind", .text(kind)),
            .init("entries", .integer(entries)), .init("left_out", .integer(leftOut.count)),
            .init("first_left_out", .array(leftOut.prefix(10).map { .text("\($0)") })),
        ])
    }
}

/// A file's items, in its order, and what it was taken for.
package struct Reading<Item> {
    package var items: [Item]
    package var note: DataNote
}
