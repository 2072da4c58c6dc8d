import Datasets
import Evaluation
package import Selection
import Tensors

/// A condition's multiple-choice questions with the log-likelihood of every choice, a JSON object a line.
package enum QuestionFile {
    /// - Parameter model: the unedited model; what `measured` did to it is the line's `condition`.
    /// - Throws: `TensorFileError` where the file cannot be written.
    package static func write(_ measured: ConditionResult, of model: Provenance, to path: String) throws {
        let origin = model.modelMembers + [JSON.Member("condition", .text(measured.name))]
        let file = try AtomicFile(path: path)
        for (document, result) in measured.questions {
            let json = JSON.object(
                [
                    .init("task", .text(document.task)), .init("id", .text(document.id)),
                    .init("label", .integer(document.label)),
                    .init("log_likelihoods", .array(result.sums.map { .number($0) })),
                    .init("acc", .integer(result.isRight ? 1 : 0)),
                    .init("acc_norm", .integer(result.isRightNormalised ? 1 : 0)),
                ] + origin)
            try file.write(json.encoded() + [10])
        }
        try file.commit()
    }
}
