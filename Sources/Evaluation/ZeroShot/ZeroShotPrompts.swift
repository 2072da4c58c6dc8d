/// Prompt and choices of every task (arXiv 2402.05162, section 3, utility; the prompts are lm-evaluation-harness's).
extension ZeroShotTask {
    /// - Throws: `EvaluationError` naming the line and the field that is missing or out of range.
    func document(_ fields: DocumentFields, id: String) throws(EvaluationError) -> TaskDocument {
        switch self {
        case .boolq:
            let passage = try fields.text("passage")
            let question = try fields.text("question")
            // "no" first: the label is 1 where the answer is yes.
            return make(
                id, "\(passage)\nQuestion: \(question)?\nAnswer:", ["no", "yes"], try fields.label("label", below: 2))
        case .rte:
            let (first, second) = (try fields.text("sentence1"), try fields.text("sentence2"))
            return make(
                id, "\(first)\nQuestion: \(second) True or False?\nAnswer:", ["True", "False"],
                try fields.label("label", below: 2))
        case .hellaswag: return try hellaswag(fields, id: id)
        case .winogrande: return try winogrande(fields, id: id)
        case .arcChallenge:
            let question = try fields.text("question")
            return try lettered(fields, id: id, context: "Question: \(question)\nAnswer:")
        case .openbookqa: return try lettered(fields, id: id, context: try fields.text("question_stem"))
        }
    }

    /// Choices follow the context after a space.
    private func make(_ id: String, _ context: String, _ choices: [String], _ label: Int) -> TaskDocument {
        TaskDocument(task: rawValue, id: id, contexts: [context], choices: choices.map { " " + $0 }, label: label)
    }

    private func hellaswag(_ fields: DocumentFields, id: String) throws(EvaluationError) -> TaskDocument {
        let activity = try fields.text("activity_label")
        let (a, b) = (try fields.text("ctx_a"), try fields.text("ctx_b"))
        let endings = try fields.texts("endings")
        let context = Self.cleaned("\(activity): \(a) \(PythonText.capitalize(b))")
        return make(id, context, endings.map(Self.cleaned), try fields.label("label", below: endings.count))
    }

    /// Takes out what WikiHow's pages left in HellaSwag's texts.
    package static func cleaned(_ text: String) -> String {
        let titled = PythonText.replace(PythonText.strip(text), " [title]", with: ". ")
        return PythonText.replace(PythonText.withoutBrackets(titled), "  ", with: " ")
    }

    /// The blank filled in with either option is the context; what is scored is the rest of the sentence.
    private func winogrande(_ fields: DocumentFields, id: String) throws(EvaluationError) -> TaskDocument {
        let sentence = try fields.text("sentence").unicodeScalars
        guard let blank = sentence.firstIndex(of: "_") else {
            throw EvaluationError(fields.place, "\"sentence\" has no _ to fill in")
        }
        let before = String(sentence[..<blank])
        let rest = " " + PythonText.strip(String(sentence[sentence.index(after: blank)...]))
        let options = [try fields.text("option1"), try fields.text("option2")]
        let answer = try fields.text("answer")
        guard let label = ["1", "2"].firstIndex(of: answer) else {
            throw EvaluationError(fields.place, "\"answer\" has to be \"1\" or \"2\"")
        }
        return TaskDocument(
            task: rawValue, id: id, contexts: options.map { before + $0 }, choices: [rest, rest], label: label)
    }

    /// ARC and OpenBookQA: `choices` has `text` and `label`, `answerKey` is one of the labels.
    private func lettered(_ fields: DocumentFields, id: String, context: String) throws(EvaluationError) -> TaskDocument
    {
        let texts = try fields.texts("text", in: "choices")
        let labels = try fields.texts("label", in: "choices")
        let key = PythonText.strip(try fields.text("answerKey"))
        guard labels.count == texts.count, let label = labels.firstIndex(of: key) else {
            throw EvaluationError(
                fields.place, "\"choices.label\" has to name every choice, \"answerKey\" one of them")
        }
        return make(id, context, texts, label)
    }
}
