import Evaluation
import Tensors

/// A condition's multiple-choice questions with the log-likelihood of every choice, a JSON object a line.
enum QuestionFile {
    static func write(
        _ questions: [(document: TaskDocument, result: MultipleChoice.Result)], to path: String
    ) throws {
        let file = try AtomicFile(path: path)
        for (document, result) in questions {
            let json = JSON.object([
                .init("task", .text(document.task)), .init("id", .text(document.id)),
                .init("label", .integer(document.label)),
                .init("log_likelihoods", .array(result.sums.map { .number($0) })),
                .init("acc", .integer(result.isRight ? 1 : 0)),
                .init("acc_norm", .integer(result.isRightNormalised ? 1 : 0)),
            ])
            try file.write(json.encoded() + [10])
        }
        try file.commit()
    }
}
