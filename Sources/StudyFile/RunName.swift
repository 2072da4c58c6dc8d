import Tensors

/// What a study or a condition may be called: files and folders get its name.
enum RunName {
    /// Bytes; endings and what a file is called while it is written need the rest of the 255.
    static let limit = 180

    /// Names that a run needs for itself.
    private static let taken: Set = [
        "results-cache", "journal.sqlite", "status.json", "run.lock", "log.jsonl", "index.md", "logs", "partials",
    ]

    /// The name that a study's file gives, or the file's own.
    /// - Throws: `InputError` where no folder can be called so.
    static func of(_ top: StudyNode, file: String) throws(InputError) -> String {
        let name = try top.string("name") ?? Paths.stem(of: file)
        if let fault = fault(study: name) { throw top.error("name", "\"\(name)\" \(fault)") }
        return name
    }

    /// What is wrong with a study's name; `nil`: nothing.
    static func fault(study name: String) -> String? {
        if let fault = common(name) { return fault }
        if name.contains("/") { return "has a slash, and the run's folder is called by it" }
        if name == "." || name == ".." { return "is no name for the run's folder" }
        if taken.contains(name) { return "is the name of something else in the run's folder" }
        return nil
    }

    /// What is wrong with a condition's name.
    static func fault(condition name: String) -> String? {
        if let fault = common(name) { return fault }
        guard name.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "._- ".contains($0)) }), name.first != "."
        else { return "has more than letters, digits, space, dot, - and _" }
        return nil
    }

    private static func common(_ name: String) -> String? {
        if trimmed(name) != name || name.isEmpty { return "is empty, or begins or ends with white space" }
        if VisibleText.line(name) != name { return "has control characters" }
        if name.utf8.count > limit { return "is too long: \(name.utf8.count) bytes, at most \(limit)" }
        return nil
    }
}
