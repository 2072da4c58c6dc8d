import Evaluation
import Tensors

/// A condition's answers with their verdicts, a JSON object a line.
///
/// They may be harmful: they are written to the user's run directory and nowhere else.
enum AnswerFile {
    static func write(_ result: ConditionResult, harmful: [String], harmless: [String], to path: String) throws {
        let file = try AtomicFile(path: path)
        for (kind, prompts, answers) in [("harmful", harmful, result.harmful), ("harmless", harmless, result.harmless)]
        {
            for (answer, verdict) in answers {
                let json = JSON.object([
                    .init("kind", .text(kind)), .init("prompt", .text(prompts[answer.prompt])),
                    .init("answer", .text(answer.text)),
                    .init("tokens", .array(answer.tokens.map { .integer(Int($0)) })),
                    .init("has_phrase", .bool(verdict.hasPhrase)), .init("is_refusal", .bool(verdict.isRefusal)),
                    .init("is_coherent", .bool(verdict.isCoherent)),
                    .init("mean_log_likelihood", answer.meanLogLikelihood.map { .number($0) } ?? .null),
                ])
                try file.write(json.encoded() + [10])
            }
        }
        try file.commit()
    }
}
