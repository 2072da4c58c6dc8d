import Tensors
import Yams

/// The study file's `reasoning_curves`: how far beginnings of an answer move the last token's state, block by block (SSAH, arXiv
/// 2410.10862, section 3).
extension Study {
    package struct ReasoningCurvePlan: Sendable, Equatable {
        package var prompts: PromptSet
        /// Beginnings of a refusal, and of an answer that complies.
        package var benign: String
        package var malicious: String
        /// How many of a beginning's first tokens follow the prompt, in ascending order.
        package var tokens = Self.standardTokens

        package static let standardTokens = [2, 4, 6, 8, 10]

        package init(prompts: PromptSet, benign: String, malicious: String) {
            (self.prompts, self.benign, self.malicious) = (prompts, benign, malicious)
        }

        /// What is measured, and where its file lies in the run's folder.
        package var title: String {
            "of \(prompts.file), \(tokens.map { "\($0)" }.joined(separator: ", ")) tokens of \"\(benign)\" (benign) and \"\(malicious)\" (malicious): reasoning-curves.csv"
        }
    }

    static func reasoningCurves(_ top: StudyNode, _ path: (String) -> String) throws(InputError) -> ReasoningCurvePlan?
    {
        guard let node = try top.mapping("reasoning_curves", keys: ["prompts", "benign", "malicious", "tokens"]) else {
            return nil
        }
        var plan = ReasoningCurvePlan(
            prompts: try node.required("prompts") { key throws(InputError) in try prompts(node, key, path) },
            benign: try node.required("benign", node.string), malicious: try node.required("malicious", node.string))
        guard plan.benign != plan.malicious else { throw node.error("malicious", "is the text of benign") }
        guard let items = try node.items("tokens") else { return plan }
        plan.tokens = []
        for item in items {
            guard let count = item.wholeNumber, (1...1024).contains(count), !plan.tokens.contains(count) else {
                throw node.error("tokens", "has to be a list of different numbers from 1 to 1024")
            }
            plan.tokens.append(count)
        }
        guard (1...64).contains(plan.tokens.count) else { throw node.error("tokens", "needs 1 to 64 numbers") }
        plan.tokens.sort()
        return plan
    }
}
