package import Tensors

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

    /// Reads an object `{"task", "id", "context", "choices", "label"}`; `context` may be a list, one a choice.
    /// - Parameters:
    ///   - place: where it stands ("tasks.jsonl:3").
    ///   - defaultTask: its task where it names none.
    /// - Throws: `EvaluationError` with place and fault.
    package init(_ json: JSON, place: String, defaultTask: String) throws(EvaluationError) {
        guard let choices = json["choices"]?.elements?.map(\.string), choices.count >= 2, !choices.contains(nil) else {
            throw EvaluationError(place, "\"choices\" has to be a list of at least two texts")
        }
        let contexts = json["context"]?.string.map { [$0] } ?? json["context"]?.elements?.map(\.string)
        guard let contexts, !contexts.contains(nil), contexts.count == 1 || contexts.count == choices.count else {
            throw EvaluationError(place, "\"context\" has to be a text, or one text for every choice")
        }
        guard let label = json["label"]?.int, choices.indices.contains(label) else {
            throw EvaluationError(place, "\"label\" has to be the index of a choice, 0 to \(choices.count - 1)")
        }
        if let task = json["task"], !task.isNull, task.string == nil {
            throw EvaluationError(place, "\"task\" has to be a text")
        }
        self.init(
            task: json["task"]?.string ?? defaultTask,
            id: json["id"]?.string ?? json["id"]?.int.map { "\($0)" } ?? place,
            contexts: contexts.compactMap { $0 }, choices: choices.compactMap { $0 }, label: label)
    }
}
