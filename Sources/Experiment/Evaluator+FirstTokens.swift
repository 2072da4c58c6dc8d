import Datasets
import Evaluation
package import ModelService
package import Protocol
import StudyFile
import Tensors

/// Prompts whose next token is looked at; each list is empty where it is not.
package struct FirstTokenQuestions: Sendable {
    /// Harmless prompts, after which whole distributions are compared.
    package var compared: [Batch] = []
    /// Prompts after which the refusal tokens' probability is taken.
    package var harmful: [Batch] = []
    package var harmless: [Batch] = []

    package var all: [Batch] { compared + harmful + harmless }
}

/// What the unedited model says first: every other model is measured against it.
package struct FirstTokenBaseline: Sendable {
    /// `nil`: nothing is compared.
    package var reference: NextTokenReference?
    /// Empty: there is nothing that a refusal begins with.
    package var refusalTokens: [Int32]
}

/// The measures of a model's first token.
extension Evaluator {
    /// What a condition is asked of them.
    /// - Throws: `PackingError`.
    func firstTokenQuestions() throws(PackingError) -> FirstTokenQuestions {
        var questions = FirstTokenQuestions()
        let harmless = asked.filter { $0.purpose == .harmless }.map(\.tokens)
        if plan.firstTokenKL != nil {
            questions.compared = try BatchPacking.prompts(
                harmless, vocabulary: vocabulary, maximumTokens: batchTokens)
        }
        guard plan.refusalTokens != nil else { return questions }
        let harmful = asked.filter { $0.purpose == .attack(0) }.map(\.tokens)
        questions.harmful = try BatchPacking.prompts(harmful, vocabulary: nil, maximumTokens: batchTokens)
        questions.harmless = try BatchPacking.prompts(harmless, vocabulary: nil, maximumTokens: batchTokens)
        return questions
    }

    /// The study's refusal tokens as numbers; `nil`: it has none, or they are the model's own.
    /// - Throws: `InputError` where a text is not one token, or a number is outside the vocabulary.
    static func refusalTokens(
        _ plan: RefusalTokenPlan?, codec: any TextCodec, vocabulary: Int?
    ) throws(InputError) -> [Int32]? {
        guard case .given(let tokens)? = plan else { return nil }
        var ids: [Int32] = []
        for token in tokens {
            let id: Int32
            switch token {
            case .id(let number): id = number
            case .text(let text):
                let encoded = codec.encode(text)
                guard encoded.count == 1 else {
                    throw InputError(
                        "refusal_log_odds", "\"\(text)\" is \(encoded.count) tokens; name one by its number")
                }
                id = encoded[0]
            }
            guard Int(id) < vocabulary ?? .max else {
                throw InputError("refusal_log_odds", "token \(id) is outside the vocabulary of \(vocabulary ?? 0)")
            }
            guard !ids.contains(id) else { throw InputError("refusal_log_odds", "token \(id) appears twice") }
            ids.append(id)
        }
        return ids
    }

    /// What the unedited model's answers say for all others.
    /// - Parameter judge: says which of the answers are refusals.
    func baseline(_ measurement: Measurement, _ judge: RefusalJudge) -> FirstTokenBaseline {
        FirstTokenBaseline(refusalTokens: refusalTokens ?? ownTokens(measurement, judge))
    }

    /// Whole next-token distributions of the current model, the unedited one, and its distance to itself.
    /// - Throws: what the runner throws; `NoNumber` where a probability is no finite number.
    func reference(
        _ batches: [Batch], _ runner: any ModelRunner, _ label: String
    ) async throws -> (reference: NextTokenReference, distance: Estimate) {
        let rows = try await runner.nextTokens(batches, label: label)
        let distances = rows.map { row in row.allSatisfy(\.isFinite) ? 0 : Double.nan }
        return (NextTokenReference(rows), try Self.mean(distances))
    }

    /// KL(reference ‖ current model), in nats: the mean over prompts.
    /// - Throws: what the runner throws; `NoNumber` where a probability is no finite number.
    func distance(
        _ batches: [Batch], from reference: NextTokenReference, _ runner: any ModelRunner, _ label: String
    ) async throws -> Estimate {
        let epsilon = plan.firstTokenKL?.epsilon ?? 0
        return try Self.mean(
            try await runner.divergence(batches, from: reference, epsilon: epsilon, label: label))
    }

    /// The refusal tokens with their texts, and where they come from; `nil`: there are none.
    package func text(refusalTokens baseline: FirstTokenBaseline) -> String? {
        guard plan.refusalTokens != nil else { return nil }
        let tokens = baseline.refusalTokens.map { "\($0) \"\(codec.spell([$0]))\"" }
        let list = tokens.isEmpty ? "none" : tokens.joined(separator: ", ")
        return list + (refusalTokens == nil ? " (from the unedited model's refusals)" : "")
    }

    /// Log-odds that the current model's answer begins with one of the tokens: the mean over prompts; `nil`: there are no
    /// prompts, or no tokens.
    /// - Throws: what the runner throws; `NoNumber` where a probability is no finite number.
    func logOdds(
        _ batches: [Batch], _ tokens: [Int32], _ runner: any ModelRunner, _ label: String
    ) async throws -> Estimate? {
        guard !batches.isEmpty, !tokens.isEmpty else { return nil }
        let rows = try await runner.nextTokens(batches, of: tokens, label: label)
        return try Self.mean(rows.map { RefusalLogOdds.value($0) })
    }

    private static func mean(_ values: [Double]) throws(NoNumber) -> Estimate {
        guard values.allSatisfy(\.isFinite) else {
            throw NoNumber("a first token's probability \(NotFinite.phrase)")
        }
        return Estimate(meanOf: values)
    }

    /// What the model's own refusals of the first setting's harmful prompts begin with; empty where it refuses nothing.
    private func ownTokens(_ measurement: Measurement, _ judge: RefusalJudge) -> [Int32] {
        guard plan.refusalTokens == .own else { return [] }
        var first: [Int32] = []
        // Thinking begins alike whatever follows.
        for answer in measurement.attack(0) where answer.thinking == nil && judge.isRefusal(answer.text) {
            if let token = answer.tokens.first { first.append(token) }
        }
        return RefusalTokens.frequent(first)
    }
}
