import Tensors

/// One multiple-choice question: which continuation of a context is right.
public struct TaskDocument: Sendable, Equatable {
    public var task: String
    public var id: String
    /// One for all choices, or one a choice (WinoGrande, whose continuation is the same for both).
    public var contexts: [String]
    public var choices: [String]
    /// Index of the right choice.
    public var label: Int

    public init(task: String, id: String, contexts: [String], choices: [String], label: Int) {
        self.task = task
        self.id = id
        self.contexts = contexts
        self.choices = choices
        self.label = label
    }

    func context(of choice: Int) -> String { contexts.count == 1 ? contexts[0] : contexts[choice] }

    /// Reads JSON lines `{"task", "id", "context", "choices", "label"}`; `context` may be a list, one a choice.
    /// - Parameters:
    ///   - source: names the file in errors.
    ///   - defaultTask: the task of lines that name none.
    /// - Throws: `EvaluationError` with file, line and fault.
    public static func parse(_ bytes: [UInt8], source: String, defaultTask: String) throws(EvaluationError)
        -> [TaskDocument]
    {
        var documents: [TaskDocument] = []
        for (number, line) in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated()
        {
            guard line.contains(where: { $0 > 32 }) else { continue }
            let place = "\(source):\(number + 1)"
            let json: JSON
            do throws(JSONError) { json = try JSON.parse(Array(line)) } catch {
                throw EvaluationError(place, "\(error)")
            }
            documents.append(try document(json, place: place, defaultTask: defaultTask))
        }
        guard !documents.isEmpty else { throw EvaluationError(source, "no questions in this file") }
        return documents
    }

    private static func document(_ json: JSON, place: String, defaultTask: String) throws(EvaluationError)
        -> TaskDocument
    {
        guard json.members != nil else { throw EvaluationError(place, "not a JSON object") }
        guard let choices = json["choices"]?.elements?.map(\.string), choices.count >= 2, !choices.contains(nil) else {
            throw EvaluationError(place, "\"choices\" has to be a list of at least two texts")
        }
        let contexts = json["context"]?.string.map { [$0] } ?? json["context"]?.elements?.compactMap(\.string)
        guard let contexts, contexts.count == 1 || contexts.count == choices.count else {
            throw EvaluationError(place, "\"context\" has to be a text, or one text for every choice")
        }
        guard let label = json["label"]?.int, choices.indices.contains(label) else {
            throw EvaluationError(place, "\"label\" has to be the index of a choice, 0 to \(choices.count - 1)")
        }
        return TaskDocument(
            task: json["task"]?.string ?? defaultTask,
            id: json["id"]?.string ?? json["id"]?.int.map { "\($0)" } ?? place,
            contexts: contexts, choices: choices.compactMap { $0 }, label: label)
    }
}
