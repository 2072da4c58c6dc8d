/// Makes tokens that a sequence has already less likely: the logit of each is divided by a factor where it is above 0, and
/// multiplied by it elsewhere (CTRL, arXiv 1909.05858, section 4.1; as transformers' `RepetitionPenaltyLogitsProcessor`
/// computes it, over prompt and answer, once a token however often it stands there).
///
/// It knows which tokens each sequence has. What it does with one sequence's logits depends on that sequence alone.
public struct RepetitionPenalty {
    private let factor: Float
    /// Tokens so far of the sequence in each slot.
    private var tokens: [Set<Int32>]

    /// - Parameters:
    ///   - factor: above 0; 1 changes nothing.
    ///   - slots: sequences at once.
    public init(factor: Float, slots: Int) {
        self.factor = factor
        tokens = Array(repeating: [], count: slots)
    }

    /// A sequence that begins with these tokens takes the slot.
    public mutating func begin(slot: Int, prompt: [Int32]) { tokens[slot] = Set(prompt) }

    /// The sequence in the slot goes on with this token.
    public mutating func append(_ token: Int32, slot: Int) { tokens[slot].insert(token) }

    /// Changes the logits of one sequence's next token, in place.
    /// - Parameter count: tokens of the vocabulary; others are passed over.
    public func apply(to logits: UnsafeMutablePointer<Float>, count: Int, slot: Int) {
        // Tokens are changed apart from each other, so that the set's order does not matter.
        for token in tokens[slot] where token >= 0 && Int(token) < count {
            let logit = logits[Int(token)]
            logits[Int(token)] = logit > 0 ? logit / factor : logit * factor
        }
    }
}
