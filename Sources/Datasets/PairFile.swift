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

/// Pairs: JSON lines, a JSON list, CSV or TSV, with `prompt` and `response` or Alpaca's `instruction`, `input`, `output`.
package enum PairFile {
    static let kind = DataKind(
        name: "pairs", columns: ["prompt", "response", "instruction", "output"], takesText: false)

    /// - Parameter codec: of the model that learns or is scored; `nil`: of none.
    /// - Throws: `InputError` with file, line and fault.
    static func read(_ path: String, _ codec: (any TextCodec)?) throws(InputError) -> Reading<Pair> {
        let file = try DataFile(path, as: kind)
        guard file.chosen == nil else { throw InputError(path, "pairs have two columns: none can be chosen") }
        let columns = try PairColumns(file)
        var note = DataNote(
            file: file.path, form: file.formTitle, kind: kind.name, source: columns.description, unread: columns.unread,
            entries: file.entries.count)
        var pairs: [Pair] = []
        for entry in file.entries {
            try columns.checkOne(entry)
            do throws(InputError) {
                let pair = try columns.pair(entry)
                if let codec { try checkTokens(pair, codec) }
                pairs.append(pair)
            } catch { note.leftOut.append(error) }
        }
        return Reading(items: pairs, note: note)
    }

    /// Both texts have tokens. Their beginnings tell, almost always; a whole file is not encoded for it.
    private static func checkTokens(_ pair: Pair, _ codec: any TextCodec) throws(InputError) {
        func isSilent(_ text: String) -> Bool {
            codec.encode(String(text.prefix(16))).isEmpty && codec.encode(text).isEmpty
        }
        for (name, text) in [("prompt", pair.prompt), ("response", pair.response)] where isSilent(text) {
            throw InputError(pair.place, "the \(name) has no tokens: this tokenizer knows none of it")
        }
    }

    /// Pairs as JSON lines.
    /// - Parameters:
    ///   - model: whose own answers the responses are; `nil`: nobody's here.
    ///   - edit: the file of the edit that the model answered with; `nil`: it was as it is.
    ///   - thinking: what that model was told of thinking.
    /// - Throws: `TensorFileError` where the file cannot be written.
    package static func write(
        _ pairs: [Pair], answeredBy model: Provenance? = nil, edit: String? = nil, thinking: String? = nil,
        to path: String
    ) throws {
        var origin = model?.modelMembers ?? []
        for (name, text) in [("edit", edit), (Provenance.forcedKey, model?.forced), ("thinking", thinking)] {
            if let text { origin.append(JSON.Member(name, .text(text))) }
        }
        let file = try AtomicFile(path: path)
        for pair in pairs {
            let json = JSON.object(
                [
                    JSON.Member("prompt", .text(pair.prompt)), JSON.Member("response", .text(pair.response)),
                ] + origin)
            try file.write(json.encoded() + [10])
        }
        try file.commit()
    }

    /// Tells data sets apart: SHA-256 over all prompts and responses.
    package static func digest(_ pairs: [Pair]) -> String {
        Digest.sha256(pairs.flatMap { Array($0.prompt.utf8) + [0] + Array($0.response.utf8) + [0] })
    }
}

/// The columns of a file of pairs.
private struct PairColumns {
    private let own: (prompt: String, response: String)?
    private let alpaca: (instruction: String, output: String)?
    private let input: String?
    let unread: [String]

    init(_ file: DataFile) throws(InputError) {
        let (prompt, response) = (try file.column("prompt"), try file.column("response"))
        let (instruction, output) = (try file.column("instruction"), try file.column("output"))
        own = prompt.flatMap { prompt in response.map { (prompt, $0) } }
        alpaca = instruction.flatMap { instruction in output.map { (instruction, $0) } }
        guard own != nil || alpaca != nil else {
            let isTable = file.form == .csv || file.form == .tsv
            throw InputError(
                isTable ? "\(file.path):1" : file.path,
                "needs texts \"prompt\" and \"response\" (or \"instruction\" and \"output\"); found \(file.columns.isEmpty ? "none" : DataFile.list(file.columns))"
            )
        }
        input = alpaca == nil ? nil : try file.column("input")
        let read = [own?.prompt, own?.response, alpaca?.instruction, alpaca?.output, input]
        unread = file.columns.filter { !read.contains($0) }
    }

    var description: String {
        var parts: [String] = []
        if let own { parts.append("\(own.prompt) and \(own.response)") }
        if let alpaca { parts.append("\(alpaca.instruction), \(input.map { "\($0), " } ?? "")\(alpaca.output)") }
        return "from " + parts.joined(separator: " or ")
    }

    /// - Throws: `InputError` where an entry has both kinds of pairs.
    func checkOne(_ entry: DataEntry) throws(InputError) {
        guard let own, let alpaca else { return }
        func has(_ name: String) -> Bool { entry.value[name].map { !$0.isNull && $0.string != "" } ?? false }
        guard has(own.prompt), has(alpaca.instruction) else { return }
        throw InputError(
            entry.place, "has both \(own.prompt) and \(alpaca.instruction): remove the columns that are not meant")
    }

    func pair(_ entry: DataEntry) throws(InputError) -> Pair {
        func text(_ name: String) -> String? { entry.value[name]?.string }
        if let own, let prompt = text(own.prompt), !(prompt.isEmpty && alpaca.flatMap { text($0.instruction) } != nil) {
            return try checked(prompt, text(own.response), own, entry.place)
        }
        if let alpaca, let instruction = text(alpaca.instruction) {
            var prompt = instruction
            if let input, let value = entry.value[input], !value.isNull {
                guard let more = value.string else { throw InputError(entry.place, "\(input) has to be a text") }
                // As Alpaca joins them.
                if !more.isEmpty { prompt += "\n\n" + more }
            }
            return try checked(prompt, text(alpaca.output), alpaca, entry.place)
        }
        throw InputError(
            entry.place, "needs texts \"prompt\" and \"response\" (or \"instruction\" and \"output\")")
    }

    private func checked(
        _ prompt: String, _ response: String?, _ names: (String, String), _ place: String
    ) throws(InputError) -> Pair {
        guard let response else { throw InputError(place, "the \(names.1) is missing or no text") }
        guard !trimmed(prompt).isEmpty else { throw InputError(place, "the \(names.0) is empty") }
        guard !trimmed(response).isEmpty else { throw InputError(place, "the \(names.1) is empty") }
        return Pair(prompt: prompt, response: response, place: place)
    }
}
