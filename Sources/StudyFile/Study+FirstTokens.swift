import Tensors
import Yams

/// The study file's `evaluation.first_token_kl` and `evaluation.refusal_log_odds`.
extension Study {
    /// - Throws: `InputError` with file, line and the key's path.
    static func firstTokens(_ node: StudyNode, into plan: inout EvaluationSettings) throws(InputError) {
        plan.firstTokenKL = try node.choice("first_token_kl", as: FirstTokenKL.self)
        if plan.firstTokenKL != nil, plan.harmless == nil {
            throw node.error("first_token_kl", "needs harmless prompts")
        }
        plan.refusalTokens = try refusalTokens(node)
        guard let tokens = plan.refusalTokens else { return }
        if plan.harmful == nil, plan.harmless == nil || tokens == .own {
            throw node.error(
                "refusal_log_odds",
                "needs harmful prompts" + (tokens == .own ? ": auto takes the tokens from their refusals" : ""))
        }
    }

    private static func refusalTokens(_ node: StudyNode) throws(InputError) -> RefusalTokenPlan? {
        guard let items = try node.items("refusal_log_odds") else { return nil }
        if items.count == 1, items[0].scalar?.string == "auto" { return .own }
        var tokens: [RefusalTokenPlan.Token] = []
        for item in items {
            let token: RefusalTokenPlan.Token
            if let number = item.wholeNumber {
                guard let id = Int32(exactly: number), id >= 0 else {
                    throw node.error("refusal_log_odds", "has \(number), which is no token's number")
                }
                token = .id(id)
            } else if let text = item.scalar?.string, !text.isEmpty, !item.isNull {
                token = .text(text)
            } else {
                throw node.error("refusal_log_odds", "has to be auto, or a list of tokens (texts or numbers)")
            }
            tokens.append(token)
        }
        guard !tokens.isEmpty else { throw node.error("refusal_log_odds", "is empty") }
        return .given(tokens)
    }
}
