package import Evaluation

/// The paper's zero-shot accuracy.
package struct ZeroShotSettings: Sendable, Equatable {
    /// The folder of the tasks' documents, `TASK.jsonl` each.
    package var documents: String
    package var tasks = ZeroShotTask.allCases
    /// Documents asked of every task; `nil`: all.
    package var limit: Int? = ZeroShotTask.standardLimit
    /// Of Python's shuffle.
    package var seed = ZeroShotTask.standardSeed
    /// Tokens read of a question at most; `nil`: as many as the model and a batch hold.
    package var maxLength: Int?

    package init(documents: String) { self.documents = documents }

    /// The documents of one task.
    package func file(_ task: ZeroShotTask) -> String { "\(documents)/\(task.rawValue).jsonl" }

    /// All that is read.
    package var files: [String] { tasks.map { file($0) } }
}
