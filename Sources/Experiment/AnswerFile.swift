import Datasets
package import Evaluation
package import Selection
import StudyFile
import Tensors

/// A condition's answers with their verdicts, a JSON object a line.
///
/// They may be harmful: they are written to the user's run directory and nowhere else. A suffix is named by its
/// number in its file, from 1.
/// An answer that ended inside its thinking is judged by nobody: all its verdicts are false, and `is_unfinished` is true.
package enum AnswerFile {
    /// - Parameter model: the unedited model; what `result` did to it is the line's `condition`.
    /// - Throws: `TensorFileError` where the file cannot be written.
    package static func write(
        _ result: ConditionResult, of model: Provenance, judges: Judges, harmful: [String], harmless: [String],
        to path: String
    ) throws {
        let origin = model.modelMembers + [JSON.Member("condition", .text(result.name))]
        func defence(_ answer: Answer) -> [JSON.Member] {
            guard let strategy = result.defence?.strategy else { return [] }
            return [
                .init("defence", .text(strategy.kind.rawValue)),
                .init("aside", answer.aside.map { .text($0) } ?? .null),
            ]
        }
        let file = try AtomicFile(path: path)
        func write(
            _ answers: [(answer: Answer, verdict: Verdict)], of prompts: [String], _ head: [JSON.Member],
            suffixes: Bool = false
        ) throws {
            for (answer, verdict) in answers {
                let suffix: [JSON.Member] = suffixes ? [.init("suffix", .integer(answer.suffix + 1))] : []
                let last = origin + defence(answer)
                let json = JSON.object(
                    head + [.init("prompt", .text(prompts[answer.prompt]))] + suffix + [
                        .init("thinking", answer.thinking.map { .text($0.text) } ?? .null),
                        .init("answer", .text(answer.text)),
                        .init("tokens", .array(answer.tokens.map { .integer(Int($0)) })),
                        .init("judge", .text(judges.own.name)), .init("refused", .bool(verdict.isRefused)),
                        .init("is_unfinished", .bool(verdict.isUnfinished)),
                        .init("paper_judge", .text(judges.paper.name)),
                        .init("has_phrase", .bool(verdict.hasPhrase)), .init("is_refusal", .bool(verdict.isRefusal)),
                        .init(
                            "refused_by",
                            .object(zip(judges.others, verdict.others).map { .init($0.name, .bool($1.isRefused)) })),
                        .init("is_coherent", .bool(verdict.isCoherent)),
                        .init("is_degenerate", .bool(verdict.isDegenerate)),
                        .init("mean_log_likelihood", answer.meanLogLikelihood.map { .number($0) } ?? .null),
                    ] + last)
                try file.write(json.encoded() + [10])
            }
        }
        for attack in result.attacks {
            try write(
                attack.answers, of: harmful,
                [.init("kind", .text("harmful")), .init("setting", .text(attack.setting.name))],
                suffixes: attack.setting.suffixes != nil)
        }
        try write(result.harmless, of: harmless, [.init("kind", .text("harmless"))])
        try file.commit()
    }
}
