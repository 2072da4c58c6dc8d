import Evaluation
import Tensors

/// Multiple-choice questions: JSON lines or a JSON list of objects.
enum TaskFile {
    static let kind = DataKind(name: "questions", columns: [], takesText: false)

    /// Questions of the user's own, in the file's order.
    /// - Parameter limit: how many entries are looked at, from the start; `nil`: all.
    /// - Throws: `InputError`.
    static func read(_ path: String, limit: Int?) throws(InputError) -> Reading<TaskDocument> {
        let (file, entries) = try objects(path)
        let part = entries.prefix(limit ?? entries.count)
        var note = DataNote(file: path, form: file.formTitle, kind: kind.name, entries: part.count)
        var items: [TaskDocument] = []
        for entry in part {
            do throws(EvaluationError) {
                items.append(try TaskDocument(entry.value, place: entry.place, defaultTask: Paths.stem(of: path)))
            } catch { note.leftOut.append(InputError(error.place, error.fault)) }
        }
        return Reading(items: items, note: note)
    }

    /// The documents of a zero-shot task that are asked (`ZeroShotTask.documents`).
    static func read(_ task: ZeroShotTask, _ plan: ZeroShotSettings) throws(InputError) -> Reading<TaskDocument> {
        let path = plan.file(task)
        let (file, entries) = try objects(path)
        let asked = task.documents(entries.map { ($0.place, $0.value) }, limit: plan.limit, seed: plan.seed)
        return Reading(
            items: asked.documents,
            note: DataNote(
                file: path, form: file.formTitle, kind: kind.name, entries: asked.documents.count + asked.faults.count,
                leftOut: asked.faults.map { InputError($0.place, $0.fault) }))
    }

    private static func objects(_ path: String) throws(InputError) -> (DataFile, [DataEntry]) {
        let file = try DataFile(path, as: kind)
        guard [.json, .jsonLines].contains(file.form) else {
            throw InputError(path, "\(file.form.title), and questions with their choices are JSON lines or a JSON list")
        }
        for entry in file.entries where entry.value.members == nil {
            throw InputError(entry.place, "not a JSON object")
        }
        return (file, file.entries)
    }
}
