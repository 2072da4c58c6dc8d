import Tensors

/// Running text: a text file as it stands, or documents (JSON lines, JSON, CSV or TSV with a column `text`), joined by
/// blank lines as WikiText's are.
enum PlainText {
    private static let kind = DataKind(name: "documents", columns: ["text"], isVerbatim: true)

    /// - Throws: `InputError` with file, line and fault.
    static func read(_ path: String) throws(InputError) -> Reading<String> {
        let (name, column) = DataFile.split(path)
        let text = try TextFile.decoded(name)
        guard column != nil || isData(name, text.bytes) else {
            let whole = String(decoding: text.bytes, as: UTF8.self)
            guard !trimmed(whole).isEmpty else { throw InputError(name, "empty file") }
            let form = "text\(text.isUTF16 ? " in UTF-16" : "") of \(whole.unicodeScalars.count) characters"
            return Reading(items: [whole], note: DataNote(file: name, form: form, kind: kind.name, entries: 1))
        }
        guard text.bytes.contains(where: { $0 > 32 }) else { throw InputError(name, "no documents in this file") }
        let file = try DataFile(path, as: kind)
        let own = try file.column(file.chosen ?? "text")
        guard own != nil || file.columns.isEmpty else {
            throw InputError(name, "documents stand in a column called text; found \(DataFile.list(file.columns))")
        }
        var documents: [String] = []
        for entry in file.entries {
            guard let text = entry.value.string ?? own.flatMap({ entry.value[$0]?.string }) else {
                throw InputError(entry.place, "\"\(own ?? "text")\" has to be a text")
            }
            documents.append(text)
        }
        guard !documents.isEmpty else { throw InputError(name, "no documents in this file") }
        var note = DataNote(file: name, form: file.formTitle, kind: kind.name, entries: documents.count)
        if let own { note.source = "from \(own)" }
        note.unread = file.columns.filter { $0 != own }
        return Reading(items: documents, note: note)
    }

    /// By its ending, or where its first line is a JSON object with a `text`.
    private static func isData(_ path: String, _ bytes: [UInt8]) -> Bool {
        switch FormRecognition.ending(path) {
        case .json, .jsonLines, .csv, .tsv: return true
        case .text, nil:
            let end = bytes.firstIndex { $0 == 10 || $0 == 13 } ?? bytes.count
            guard bytes.first == UInt8(ascii: "{") else { return false }
            return (try? JSON.parse(Array(bytes[..<end])))?["text"]?.string != nil
        }
    }
}
