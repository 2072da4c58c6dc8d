import Tensors

/// Reads running text: a text file as it is, or JSON lines with a `text` each, joined by blank lines as WikiText's are.
package enum PlainText {
    /// - Throws: `InputError` with file, line and fault.
    package static func read(_ path: String) throws(InputError) -> String {
        let bytes = try TextFile.read(path)
        guard path.hasSuffix(".jsonl") else { return String(decoding: bytes, as: UTF8.self) }
        var documents: [String] = []
        for (number, line) in TextFile.lines(bytes).enumerated() where !trimmed(line).isEmpty {
            let place = "\(path):\(number + 1)"
            let json: JSON
            do throws(JSONError) { json = try JSON.parse(Array(line.utf8)) } catch {
                throw InputError(place, "\(error)")
            }
            guard let text = json["text"]?.string else { throw InputError(place, "\"text\" has to be a text") }
            documents.append(text)
        }
        guard !documents.isEmpty else { throw InputError(path, "no documents in this file") }
        return documents.joined(separator: "\n\n")
    }
}
