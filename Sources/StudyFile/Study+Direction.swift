package import Evaluation
import Tensors
import Yams

/// The study file's `refusal_direction`: how the study finds the direction in which harmful and harmless prompts differ
/// (arXiv 2406.11717, section 2.3 and appendix C).
extension Study {
    package struct DirectionPlan: Sendable, Equatable {
        /// Tokens that an answer which refuses begins with.
        package enum RefusalTokens: Sendable, Equatable {
            /// The first tokens of the model's own refusals.
            case own
            /// Ids, and texts whose first token counts.
            case given([Token])

            package enum Token: Sendable, Equatable {
                case id(Int32)
                case text(String)
            }
        }

        package var harmful: PromptSet
        package var harmless: PromptSet
        /// Prompts of each list that the means are taken of.
        package var train = 128
        /// Prompts of each list, others than these, that candidates are tried on.
        package var validation = 32
        /// Drops harmful prompts that the model does not lean to refuse, and harmless ones that it does, as published.
        package var isFiltered = true
        /// Counted from the prompt's end; `nil`: all tokens that the template puts after the instruction.
        package var positions: [Int]?
        package var rules = DirectionSelection()
        package var tokens = RefusalTokens.own

        package init(harmful: PromptSet, harmless: PromptSet) {
            (self.harmful, self.harmless) = (harmful, harmless)
        }

        /// How it is found, and where its files lie in the run's folder.
        package var title: String {
            "of \(train) + \(validation) prompts each of \(harmful.file) and \(harmless.file), KL at most \(plainNumber(rules.kl)), layers below \(plainNumber(rules.layersBelow)) of all, induced log-odds at least \(plainNumber(rules.induce)): directions/refusal.safetensors, directions/candidates.csv"
        }
    }

    static func refusalDirection(_ top: StudyNode, _ path: (String) -> String) throws(InputError) -> DirectionPlan? {
        let keys = [
            "harmful", "harmless", "train", "validation", "filter", "positions", "kl", "layers_below", "induce",
            "refusal_tokens",
        ]
        guard let node = try top.mapping("refusal_direction", keys: keys) else { return nil }
        var plan = DirectionPlan(
            harmful: try node.required("harmful") { key throws(InputError) in try prompts(node, key, path) },
            harmless: try node.required("harmless") { key throws(InputError) in try prompts(node, key, path) })
        for (key, set) in [("harmful", plan.harmful), ("harmless", plan.harmless)] where set.samples != nil {
            throw node.error(key, "has samples: train and validation say how many are drawn")
        }
        plan.train = try node.integer("train", in: 1...1_000_000) ?? plan.train
        plan.validation = try node.integer("validation", in: 1...1_000_000) ?? plan.validation
        if let word = try node.string("filter") {
            guard ["true", "false"].contains(word) else {
                throw node.error("filter", "= \(word) is neither true nor false")
            }
            plan.isFiltered = word == "true"
        }
        plan.positions = try positions(node)
        plan.rules.kl = try node.number("kl", in: 0...1e6) ?? plan.rules.kl
        plan.rules.layersBelow = try node.number("layers_below", in: 0...1) ?? plan.rules.layersBelow
        plan.rules.induce = try node.number("induce", in: -1e6...1e6) ?? plan.rules.induce
        plan.tokens = try refusalTokens(node)
        return plan
    }

    private static func positions(_ node: StudyNode) throws(InputError) -> [Int]? {
        guard let items = try node.items("positions") else { return nil }
        var positions: [Int] = []
        for item in items {
            guard let position = item.wholeNumber, (-1024 ... -1).contains(position),
                !positions.contains(position)
            else { throw node.error("positions", "has to be a list of different positions from -1024 to -1") }
            positions.append(position)
        }
        guard !positions.isEmpty else { throw node.error("positions", "is an empty list") }
        return positions.sorted()
    }

    private static func refusalTokens(_ node: StudyNode) throws(InputError) -> DirectionPlan.RefusalTokens {
        guard let items = try node.items("refusal_tokens") else { return .own }
        if items.count == 1, items[0].scalar?.string == "own" { return .own }
        var tokens: [DirectionPlan.RefusalTokens.Token] = []
        for item in items {
            if let id = item.wholeNumber {
                guard let number = Int32(exactly: id), number >= 0 else {
                    throw node.error("refusal_tokens", "= \(id) is no token's number; a text is quoted")
                }
                tokens.append(.id(number))
            } else if let text = item.scalar?.string, !text.isEmpty {
                tokens.append(.text(text))
            } else {
                throw node.error("refusal_tokens", "has to be own, or a list of token ids and of texts")
            }
        }
        guard !tokens.isEmpty else { throw node.error("refusal_tokens", "is an empty list") }
        return .given(tokens)
    }
}
