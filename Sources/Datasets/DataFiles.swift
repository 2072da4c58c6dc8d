package import Evaluation
package import Tensors

/// The data files of one command or study: each is read once, said in one line, and what of it cannot be used is counted.
package final class DataFiles {
    /// Percent of a file's entries that may be left out.
    package static let standardMaxSkipped = 1.0

    private let maxSkipped: Double
    private let codec: (any TextCodec)?
    private let say: (String) -> Void
    private var readings: [String: Any] = [:]
    /// What the files were taken for, in the order of their first reading.
    package private(set) var notes: [DataNote] = []

    /// - Parameters:
    ///   - maxSkipped: percent of a file's entries that may be left out; more are an error.
    ///   - codec: of the model that is asked; prompts and responses that have no tokens in it are left out.
    ///   - say: gets a line a file, when it is first read.
    package init(
        maxSkipped: Double = standardMaxSkipped, codec: (any TextCodec)? = nil,
        say: @escaping (String) -> Void = { _ in }
    ) {
        self.codec = codec
        self.maxSkipped = maxSkipped
        self.say = say
    }

    /// - Throws: `InputError` with file, line and fault; so do the others.
    package func prompts(_ path: String) throws(InputError) -> [String] {
        try items("prompts", path) { [codec] () throws(InputError) in try PromptFile.read(path, codec) }
    }

    /// Pairs of a prompt and its response.
    /// - Throws: as `prompts`.
    package func pairs(_ path: String) throws(InputError) -> [Pair] {
        try items("pairs", path) { [codec] () throws(InputError) in try PairFile.read(path, codec) }
    }

    /// Texts that follow a prompt in an attack, at most 4096.
    /// - Throws: as `prompts`, and where there are more.
    package func suffixes(_ path: String) throws(InputError) -> [String] {
        let suffixes = try lines(path, kind: "suffixes", column: "suffix")
        guard suffixes.count <= 4096 else {
            throw InputError(path, "\(suffixes.count) suffixes; at most 4096 can be tried")
        }
        return suffixes
    }

    /// A plain list of texts.
    /// - Parameters:
    ///   - kind: what they are, in the plural ("phrases").
    ///   - column: the name of their column where the file is a table.
    /// - Throws: as `prompts`.
    package func lines(_ path: String, kind: String, column: String) throws(InputError) -> [String] {
        try items(kind, path) { () throws(InputError) in try LineFile.read(path, kind: kind, column: column) }
    }

    /// Running text.
    /// - Throws: as `prompts`.
    package func text(_ path: String) throws(InputError) -> String {
        try items("documents", path) { () throws(InputError) in try PlainText.read(path) }.joined(separator: "\n\n")
    }

    /// Multiple-choice questions.
    /// - Parameters:
    ///   - limit: entries that are looked at, from the start; `nil`: all.
    ///   - fault: what is wrong with a question for this model; it is left out then.
    /// - Throws: as `prompts`; what `fault` throws.
    package func tasks(
        _ path: String, limit: Int?, fault: (TaskDocument) throws -> EvaluationError?
    ) throws -> [TaskDocument] {
        try questions(path, TaskFile.read(path, limit: limit), fault)
    }

    /// The documents of a zero-shot task.
    /// - Throws: as `prompts`; what `fault` throws.
    package func zeroShot(
        _ task: ZeroShotTask, _ plan: ZeroShotSettings, fault: (TaskDocument) throws -> EvaluationError?
    ) throws -> [TaskDocument] {
        try questions("\(plan.documents)/\(task.rawValue)", TaskFile.read(task, plan), fault)
    }

    private func questions(
        _ name: String, _ reading: @autoclosure () throws(InputError) -> Reading<TaskDocument>,
        _ fault: (TaskDocument) throws -> EvaluationError?
    ) throws -> [TaskDocument] {
        var reading = try reading()
        var items: [TaskDocument] = []
        for document in reading.items {
            if let fault = try fault(document) {
                // A question without an id is called by its place.
                let isPlace = document.id.hasPrefix(reading.note.file)
                reading.note.leftOut.append(
                    isPlace
                        ? InputError(document.id, fault.fault) : InputError(reading.note.file, fault.description))
            } else {
                items.append(document)
            }
        }
        reading.items = items
        let whole = reading
        return try self.items("questions", name) { () throws(InputError) in whole }
    }

    // MARK: Once

    private func items<Item>(
        _ kind: String, _ path: String, _ read: () throws(InputError) -> Reading<Item>
    ) throws(InputError) -> [Item] {
        let key = "\(kind) \(path)"
        if let known = readings[key] as? [Item] { return known }
        let reading = try read()
        try check(reading.note)
        readings[key] = reading.items
        notes.append(reading.note)
        say(reading.note.line)
        if let warning = reading.note.warning { say(warning) }
        return reading.items
    }

    private func check(_ note: DataNote) throws(InputError) {
        guard note.entries > 0 else { throw InputError(note.file, "no \(note.kind) in this file") }
        guard let first = note.leftOut.first else { return }
        guard note.leftOut.count == note.entries || Double(100 * note.leftOut.count) > maxSkipped * Double(note.entries)
        else { return }
        let others = note.leftOut.count == 1 ? "" : "; \(DataNote.first(Array(note.leftOut.dropFirst())))"
        throw InputError(
            first.place,
            "\(first.fault) (\(note.leftOut.count) of \(note.entries) \(note.kind) cannot be used; up to \(plainNumber(maxSkipped)) % are left out, see max_skipped)\(others)"
        )
    }
}
