package import Evaluation
import Reporting
import StudyFile

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
            let means = sampled.filter { $0.asked.isChat == isChat }.compactMap(\.answer.meanLogLikelihood)
            // Without a single answer there is nothing to go by, and the results say so.
            return CoherenceGate(calibratedOn: means) ?? CoherenceGate(floor: Self.noFloor)
        }
        chat = gate(isChat: true)
        if asked.contains(where: { !$0.isChat }) { plain = gate(isChat: false) }
    }

    /// A floor below anything: the unedited model gave no answer to calibrate on.
    package static let noFloor = -Double.greatestFiniteMagnitude

    /// What the floors are, in words; "none" where nothing could be calibrated.
    package var floorTitle: String {
        func floor(_ gate: CoherenceGate) -> String {
            gate.floor == Self.noFloor ? "none (no answer to calibrate on)" : Format.fixed(gate.floor, 3)
        }
        return plain.map { "\(floor(chat)) (outside chats \(floor($0)))" } ?? floor(chat)
    }

    /// Whether the answers of a setting have no floor.
    func lacksFloor(_ setting: AttackSetting) -> Bool { gate(isChat: setting.isChat).floor == Self.noFloor }

    package func gate(isChat: Bool) -> CoherenceGate { isChat ? chat : plain ?? chat }
}
