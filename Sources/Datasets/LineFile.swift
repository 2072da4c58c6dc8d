import Tensors

/// Plain lists of texts: adversarial suffixes, refusal phrases. A line each; also a JSON list of texts, or a column of that
/// name in JSON lines, CSV or TSV.
enum LineFile {
    /// - Parameters:
    ///   - kind: what they are, in the plural ("suffixes").
    ///   - column: the name of the column, in lower case.
    /// - Throws: `InputError` where the file cannot be read or has an entry that is no text.
    static func read(_ path: String, kind: String, column: String) throws(InputError) -> Reading<String> {
        let file = try DataFile(path, as: DataKind(name: kind, columns: [column], isVerbatim: true))
        let own = try file.column(file.chosen ?? column)
        guard file.columns.isEmpty || own != nil else {
            throw InputError(
                file.path, "\(kind) stand in a column called \(column); found \(DataFile.list(file.columns))")
        }
        var note = DataNote(file: file.path, form: file.formTitle, kind: kind, entries: file.entries.count)
        if let own { note.source = "from \(own)" }
        note.unread = file.columns.filter { $0 != own }
        var items: [String] = []
        for entry in file.entries {
            guard let text = entry.value.string ?? own.flatMap({ entry.value[$0]?.string }).map({ trimmed($0) }),
                !text.isEmpty
            else {
                note.leftOut.append(InputError(entry.place, "no text"))
                continue
            }
            items.append(text)
        }
        return Reading(items: items, note: note)
    }
}
