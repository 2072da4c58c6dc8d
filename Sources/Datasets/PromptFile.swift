import Tensors

/// Prompts: a line each, or a column of JSON lines, JSON, CSV or TSV, by the names that benchmarks give it.
enum PromptFile {
    /// Names of the column, in lower case: of JailbreakBench and AdvBench, XSTest and OR-Bench, StrongREJECT,
    /// Do-Not-Answer, Alpaca, SORRY-Bench, HarmBench.
    static let names = ["goal", "prompt", "forbidden_prompt", "question", "instruction", "turns", "behavior"]
    static let kind = DataKind(name: "prompts", columns: names + ["text"])

    /// - Parameter codec: of the model that is asked; `nil`: of none.
    /// - Throws: `InputError` with file, line and fault.
    static func read(_ path: String, _ codec: (any TextCodec)?) throws(InputError) -> Reading<String> {
        let file = try DataFile(path, as: kind)
        let columns = try PromptColumns(file)
        var note = DataNote(
            file: file.path, form: file.formTitle, kind: kind.name, source: columns.description, unread: columns.unread,
            entries: file.entries.count)
        var prompts: [String] = []
        for entry in file.entries {
            let prompt: String
            do throws(InputError) { prompt = try columns.prompt(entry) } catch {
                note.leftOut.append(error)
                continue
            }
            guard try codec?.prompt(prompt).isEmpty != true else {
                note.leftOut.append(
                    InputError(entry.place, "\"\(prompt.prefix(40))\" has no tokens: this tokenizer knows none of it"))
                continue
            }
            prompts.append(prompt)
        }
        return Reading(items: prompts, note: note)
    }
}

/// Which columns of a file make its prompts.
struct PromptColumns {
    /// `nil`: the entries are texts.
    private let main: String?
    /// A second column that belongs to it.
    private let more: More?
    let unread: [String]

    private enum More {
        /// HarmBench: what a behaviour is about, put before it as HarmBench's DirectRequest does.
        case context(String)
        /// Alpaca: put after the instruction.
        case input(String)

        var column: String {
            switch self {
            case .context(let column), .input(let column): column
            }
        }
    }

    /// - Throws: `InputError` where no column has prompts, or more than one might.
    init(_ file: DataFile) throws(InputError) {
        guard !file.columns.isEmpty else {
            (main, more, unread) = (nil, nil, [])
            return
        }
        let main = try Self.main(file)
        var more: More?
        if file.chosen == nil {
            if main.lowercased() == "behavior" {
                more = try file.column("ContextString").map { .context($0) }
                if let image = try file.column("ImageFileName"),
                    let entry = file.entries.first(where: { !trimmed($0.value[image]?.string ?? "").isEmpty })
                {
                    throw InputError(
                        entry.place, "a behavior with an image (\(image)), which no text model can be shown")
                }
            }
            if main.lowercased() == "instruction" { more = try file.column("input").map { .input($0) } }
        }
        self.main = main
        self.more = more
        unread = file.columns.filter { $0 != main && $0 != more?.column }
    }

    private static func main(_ file: DataFile) throws(InputError) -> String {
        let place = file.form == .csv || file.form == .tsv ? "\(file.path):1" : file.path
        if let chosen = file.chosen {
            guard let column = try file.column(chosen) else {
                throw InputError(place, "no column called \(chosen); found \(DataFile.list(file.columns))")
            }
            return column
        }
        var found: [String] = []
        for name in PromptFile.names { if let column = try file.column(name) { found.append(column) } }
        // JailbreakBench has both, and its Behavior is a label of a word or two.
        if found.count > 1, found[0].lowercased() == "goal" { found.removeAll { $0.lowercased() == "behavior" } }
        if found.isEmpty, let text = try file.column("text") { found = [text] }
        guard let column = found.first else {
            throw InputError(
                place,
                "no column called \((PromptFile.names + ["text"]).joined(separator: ", ")); found \(DataFile.list(file.columns)); choose one as \(file.path):COLUMN\(Self.hint(file))"
            )
        }
        guard found.count == 1 else {
            throw InputError(
                place,
                "prompts may stand in \(found.joined(separator: " or ")): choose one as \(found.map { "\(file.path):\($0)" }.joined(separator: " or "))"
            )
        }
        return column
    }

    /// A table of one column may be lines of text.
    private static func hint(_ file: DataFile) -> String {
        guard [.csv, .tsv].contains(file.form), file.columns.count == 1 else { return "" }
        return ", or, where that is a prompt, let the file end in .txt"
    }

    /// For people: "from goal".
    var description: String {
        guard let main else { return "" }
        return "from " + main + (more.map { " and \($0.column)" } ?? "")
    }

    /// - Throws: `InputError` naming the entry's place where it has no prompt.
    func prompt(_ entry: DataEntry) throws(InputError) -> String {
        guard let main, entry.value.members != nil else {
            return try Self.text(entry.value, name: main ?? "prompt", entry.place)
        }
        let own = try Self.text(Self.onlyTurn(entry.value[main]), name: main, entry.place)
        guard let more else { return own }
        let other = entry.value[more.column]
        guard let other, !other.isNull else { return own }
        guard let text = other.string.map({ trimmed($0) }) else {
            throw InputError(entry.place, "\(more.column) has to be a text")
        }
        guard !text.isEmpty else { return own }
        switch more {
        case .context: return "\(text)\n\n---\n\n\(own)"
        case .input: return "\(own)\n\n\(text)"
        }
    }

    /// SORRY-Bench: a list of what the user says turn by turn, of which there is one.
    private static func onlyTurn(_ value: JSON?) -> JSON? {
        guard let turns = value?.elements, turns.count == 1 else { return value }
        return turns[0]
    }

    private static func text(_ value: JSON?, name: String, _ place: String) throws(InputError) -> String {
        guard let value, !value.isNull else { throw InputError(place, "\(name) is missing") }
        guard value.elements?.isEmpty != false else {
            throw InputError(
                place, "\(name) is a list of \(value.elements?.count ?? 0), and one prompt is asked at a time")
        }
        guard let text = value.string.map({ trimmed($0) }) else { throw InputError(place, "\(name) has to be a text") }
        guard !text.isEmpty else { throw InputError(place, "\(name) is empty") }
        return text
    }
}
