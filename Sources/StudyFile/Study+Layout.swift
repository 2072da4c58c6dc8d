package import Checkpoint
package import Datasets
package import Jinja
package import Tensors

/// How a study lays out its prompts.
extension Study {
    /// - Parameter day: for templates that write the date, where the study does not say.
    package func layout(day: CalendarDay? = nil) -> ChatLayout {
        ChatLayout(template: template, system: system, thinking: thinking, day: date ?? day)
    }

    /// The system prompts of its attack settings.
    package var systems: [SystemPrompt] { evaluation.settings.filter(\.isChat).compactMap(\.system) }

    /// `template`: a family's name, or a file beside the study's data.
    static func template(_ top: StudyNode, _ path: (String) -> String) throws(InputError) -> String? {
        guard let word = try top.string("template"), !TemplateFamily.names.contains(word) else {
            return try top.string("template")
        }
        let file = path(word)
        guard Files.exists(file) else {
            throw top.error(
                "template",
                "= \(word) is unknown (known: \(TemplateFamily.names.joined(separator: ", ")), or a file with a template)"
            )
        }
        return file
    }

    static func thinking(_ top: StudyNode) throws(InputError) -> Thinking {
        guard let word = try top.string("thinking") else { return .template }
        guard let thinking = Thinking(word: word) else {
            throw top.error("thinking", "= \(word) is unknown (known: on, off)")
        }
        return thinking
    }

    static func date(_ top: StudyNode) throws(InputError) -> CalendarDay? {
        guard let word = try top.string("date") else { return nil }
        guard let day = CalendarDay(word) else { throw top.error("date", "= \(word) is no day (as 2026-11-25)") }
        return day
    }
}

extension Thinking {
    /// `on` or `off`; leaving it out is the third choice.
    package init?(word: String) {
        guard word != Thinking.template.rawValue else { return nil }
        self.init(rawValue: word)
    }
}

/// The day that a run's prompts are dated, kept in its folder so that the run goes on with it on another day.
package enum RunDay {
    private static func path(_ folder: String) -> String { "\(folder)/date.txt" }

    /// The day kept there, or today.
    /// - Throws: `InputError` where the file cannot be read or holds no day.
    package static func of(_ folder: String) throws(InputError) -> CalendarDay {
        let file = path(folder)
        guard Files.exists(file) else { return .today() }
        let text = String(decoding: try TextFile.read(file), as: UTF8.self)
        guard let day = CalendarDay(String(text.prefix { !$0.isNewline })) else {
            throw InputError(file, "it should hold the day the run began, as 2026-11-25; remove it to begin anew today")
        }
        return day
    }

    /// Writes the day into the folder, where there is none yet.
    /// - Throws: `TensorFileError` where it cannot be written.
    package static func keep(_ day: CalendarDay, in folder: String) throws {
        guard !Files.exists(path(folder)) else { return }
        try TextFile.write("\(day)\n", to: path(folder))
    }
}
