package import Evaluation
package import ModelService
import Protocol
package import Selection
package import StudyFile

/// What a condition came to.
package struct ConditionResult: Sendable {
    package var name: String
    /// The method and its settings in words.
    package var method: String
    /// Weights set to zero, and as a fraction of all linear maps' weights.
    package var zeroed: Int
    package var sparsity: Double
    /// Ranks of the change of the weights, and as a fraction of all linear maps' ranks.
    package var ranks: Int
    package var rankFraction: Double
    /// Weights that fine-tuning left as they were, where it was restricted.
    package var restricted: RestrictedWeights?
    /// What the gate of `scans` came to.
    package var gate: ScansGateResult?
    /// What the method found on the way, in words.
    package var note: String? { gate?.words ?? training?.words }
    /// By setting, in the study's order.
    package var attacks: [AttackResult]
    package var overRefusal: OverRefusal?
    package var tasks: [TaskAccuracy]
    package var zeroShot: Estimate?
    package var questions: [(document: TaskDocument, result: MultipleChoice.Result)]
    /// Of every question whether it is right, by task.
    package var accuracy: ItemValues?
    package var perplexity: Estimate?
    /// KL(unedited ‖ this model) of the first token after the harmless prompts, in nats.
    package var firstTokenKL: Estimate?
    /// Log-odds that the answer begins with a refusal token.
    package var refusalLogOdds: (harmful: Estimate?, harmless: Estimate?)
    /// Loss of every window of the text.
    package var windows: [WindowLoss]
    /// Loss of every fine-tuning step.
    package var losses: [Float]
    /// Where its training ended; `nil`: nothing was trained.
    package var training: TrainingOutcome?
    package var harmless: [(answer: Answer, verdict: Verdict)]
    /// What its row in every table is marked with.
    package var remark: Remark?
    /// How its prompts were put; `nil`: as they are.
    package var defence: Defence?

    package struct Defence: Sendable, Equatable {
        package var strategy: PromptStrategy
        /// The condition whose model it is; `nil`: the unedited one.
        package var of: String?

        package init(strategy: PromptStrategy, of base: String? = nil) { (self.strategy, of) = (strategy, base) }
    }

    package enum Remark: Sendable, Equatable {
        /// Its model is the unedited one, and why.
        case changesNothing(String)
        /// Fine-tuning was to keep weights, and the mask has none.
        case keepsNothing(String)
        /// Its model's numbers are not finite, and how that showed: it has no measures.
        case notFinite(String)

        /// Beside its name.
        package var mark: String {
            switch self {
            case .changesNothing: "changes nothing"
            case .keepsNothing: "keeps nothing"
            case .notFinite: "not finite"
            }
        }
        /// Its name in files.
        package var key: String {
            switch self {
            case .changesNothing: "changes_nothing"
            case .keepsNothing: "keeps_nothing"
            case .notFinite: "not_finite"
            }
        }
        package var reason: String {
            switch self {
            case .changesNothing(let reason), .keepsNothing(let reason), .notFinite(let reason): reason
            }
        }
    }

    /// For tables: its name, with what it is marked with.
    package var title: String { remark.map { "\(name) (\($0.mark))" } ?? name }
    package var isMeasured: Bool { if case .notFinite = remark { false } else { true } }
    /// Answers that ended inside their thinking, of all.
    package var unfinished: (count: Int, all: Int) {
        let all = attacks.flatMap(\.answers) + harmless
        return (all.count { $0.verdict.isUnfinished }, all.count)
    }

    /// - Parameters:
    ///   - measurement: with rated answers; `nil`: the condition's numbers are not finite, so it has no measures.
    ///   - lengths: of every setting, the lengths in tokens that attack success is told apart by.
    /// - Throws: `EvaluationError` where a setting has no answers.
    package init(
        name: String, method: String, measurement: Measurement?, attacks: [AttackSetting], gate: CoherenceGates,
        lengths: [[Int]] = [], judges: Judges, change: ModelChange = ModelChange(), maps: [WeightShape],
        remark: Remark? = nil
    ) throws {
        self.name = name
        self.method = method
        self.remark = remark
        (losses, restricted, zeroed, ranks) = (change.losses, change.restricted, change.zeroed, change.ranks)
        (self.gate, training) = (change.gate, change.training)
        sparsity = Double(zeroed) / Double(max(1, maps.reduce(0) { $0 + $1.count }))
        rankFraction = Double(ranks) / Double(max(1, maps.reduce(0) { $0 + $1.rank }))
        let attacks = measurement == nil ? [] : attacks
        let measurement = measurement ?? Measurement()
        tasks = measurement.tasks
        zeroShot = measurement.zeroShot
        questions = measurement.questions
        firstTokenKL = measurement.firstTokenKL
        refusalLogOdds = measurement.refusalLogOdds
        (accuracy, perplexity, windows) = (measurement.accuracy, measurement.perplexity, measurement.windows)
        self.attacks = try attacks.enumerated().map { number, setting in
            try AttackResult(
                setting, measurement.attack(number), lengths: lengths.indices.contains(number) ? lengths[number] : [],
                judges: judges, gates: gate)
        }
        harmless = measurement.harmless.map { ($0, Verdict($0, judges: judges, gate: gate.chat)) }
        overRefusal = harmless.isEmpty ? nil : try OverRefusal(harmless.map { ($0.answer.prompt, $0.verdict) })
    }

    /// In the first setting.
    package var attack: AttackSuccess? { attacks.first?.success }
    package var harmful: [(answer: Answer, verdict: Verdict)] { attacks.first?.answers ?? [] }
}
