package import Selection
import Tensors

/// A prompt and the response to it.
package struct Pair: Sendable, Equatable {
    package var prompt: String
    package var response: String
    /// Where it stands ("pairs.jsonl:3").
    package var place: String

    package init(prompt: String, response: String, place: String) {
        self.prompt = prompt
        self.response = response
        self.place = place
    }
}

/// Reads pairs from JSON lines, a JSON array or CSV, with `prompt` and `response` or Alpaca's `instruction`, `input`, `output`.
package enum PairFile {
    /// - Throws: `InputError` with file, line and fault.
    package static func read(_ path: String) throws(InputError) -> [Pair] {
        let bytes = try TextFile.read(path)
        let pairs = try parse(bytes, source: path)
        guard !pairs.isEmpty else { throw InputError(path, "no pairs in this file") }
        return pairs
    }

    static func parse(_ bytes: [UInt8], source: String) throws(InputError) -> [Pair] {
        guard let first = bytes.first(where: { $0 > 32 }) else { throw InputError(source, "empty file") }
        let entries =
            switch first {
            case _ where source.hasSuffix(".csv"): try csv(bytes, source: source)
            case UInt8(ascii: "["): try array(bytes, source: source)
            case UInt8(ascii: "{"): try lines(bytes, source: source)
            default: try csv(bytes, source: source)
            }
        var pairs: [Pair] = []
        for entry in entries { pairs.append(try pair(entry.fields, place: entry.place)) }
        return pairs
    }

    private typealias Entry = (place: String, fields: [String: String])

    private static func csv(_ bytes: [UInt8], source: String) throws(InputError) -> [Entry] {
        try CSV.table(bytes, source: source).rows.map { ("\(source):\($0.line)", $0.cells) }
    }

    private static func array(_ bytes: [UInt8], source: String) throws(InputError) -> [Entry] {
        let json: JSON
        do throws(JSONError) { json = try JSON.parse(bytes) } catch {
            let line = 1 + bytes.prefix(error.offset).count { $0 == 10 }
            throw InputError("\(source):\(line)", error.fault)
        }
        guard let elements = json.elements else { throw InputError(source, "not a JSON array") }
        var entries: [Entry] = []
        for (number, element) in elements.enumerated() {
            entries.append(try entry(element, place: "\(source), entry \(number + 1)"))
        }
        return entries
    }

    private static func lines(_ bytes: [UInt8], source: String) throws(InputError) -> [Entry] {
        var entries: [Entry] = []
        for (number, line) in TextFile.lines(bytes).enumerated() where !trimmed(line).isEmpty {
            let place = "\(source):\(number + 1)"
            let json: JSON
            do throws(JSONError) { json = try JSON.parse(Array(line.utf8)) } catch {
                throw InputError(place, "\(error)")
            }
            entries.append(try entry(json, place: place))
        }
        return entries
    }

    private static func entry(_ json: JSON, place: String) throws(InputError) -> Entry {
        guard let members = json.members else { throw InputError(place, "not a JSON object") }
        var fields: [String: String] = [:]
        for member in members { if let text = member.value.string { fields[member.key.text] = text } }
        return (place, fields)
    }

    private static func pair(_ fields: [String: String], place: String) throws(InputError) -> Pair {
        let prompt: String
        let response: String
        if let own = fields["prompt"], let answer = fields["response"] {
            (prompt, response) = (own, answer)
        } else if let instruction = fields["instruction"], let output = fields["output"] {
            // As Alpaca joins them.
            let input = fields["input"] ?? ""
            (prompt, response) = (input.isEmpty ? instruction : instruction + "\n\n" + input, output)
        } else {
            throw InputError(place, "needs texts \"prompt\" and \"response\" (or \"instruction\" and \"output\")")
        }
        guard !trimmed(prompt).isEmpty else { throw InputError(place, "the prompt is empty") }
        guard !trimmed(response).isEmpty else { throw InputError(place, "the response is empty") }
        return Pair(prompt: prompt, response: response, place: place)
    }

    /// Pairs as JSON lines.
    /// - Parameter model: whose answers the responses are; `nil`: nobody's here.
    package static func write(_ pairs: [Pair], answeredBy model: Provenance? = nil, to path: String) throws {
        let file = try AtomicFile(path: path)
        for pair in pairs {
            let json = JSON.object(
                [
                    JSON.Member("prompt", .text(pair.prompt)), JSON.Member("response", .text(pair.response)),
                ] + (model?.modelMembers ?? []))
            try file.write(json.encoded() + [10])
        }
        try file.commit()
    }

    /// Tells data sets apart: SHA-256 over all prompts and responses.
    package static func digest(_ pairs: [Pair]) -> String {
        Digest.sha256(pairs.flatMap { Array($0.prompt.utf8) + [0] + Array($0.response.utf8) + [0] })
    }
}
