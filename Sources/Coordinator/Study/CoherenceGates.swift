package import Evaluation

/// The gates of a study: a model's text outside chats is less likely by nature, so it has a floor of its own.
package struct CoherenceGates: Sendable, Equatable {
    package var chat: CoherenceGate
    /// `nil`: nothing is asked outside chats.
    package var plain: CoherenceGate?

    package init(chat: CoherenceGate, plain: CoherenceGate? = nil) {
        self.chat = chat
        self.plain = plain
    }

    /// - Parameters:
    ///   - sampled: rated answers that the unedited model sampled.
    ///   - stated: the user's own floor.
    init(_ sampled: [AskedAnswer], asked: [AskedPrompt], stated: Double?) {
        func gate(isChat: Bool) -> CoherenceGate {
            if let stated { return CoherenceGate(floor: stated) }
            let means = sampled.filter { asked[$0.asked].isChat == isChat }.compactMap(\.answer.meanLogLikelihood)
            // Without a single answer there is nothing to gate.
            return CoherenceGate(calibratedOn: means) ?? CoherenceGate(floor: -.greatestFiniteMagnitude)
        }
        chat = gate(isChat: true)
        if asked.contains(where: { !$0.isChat }) { plain = gate(isChat: false) }
    }

    package func gate(isChat: Bool) -> CoherenceGate { isChat ? chat : plain ?? chat }
}
