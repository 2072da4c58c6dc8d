package import Datasets
import ModelService
package import Protocol
package import Selection
package import StudyFile
import Tensors

/// A condition's model: how it is made, what it is asked, and whether it is written.
package struct ConditionStep: Sendable {
    package enum Change: Sendable {
        /// The unedited model.
        case none
        /// The coordinator chooses weights that are set to zero.
        case mask(@Sendable (EditInputs) throws -> Mask)
        /// The coordinator makes an edit of another kind.
        case edit(@Sendable (EditInputs) throws -> any WeightEdit)
        /// A change of few ranks, of the subspaces of these data sets in the order the recipe takes them.
        case lowRank(Ranks, [Study.Side])
        case training(TrainingStep)
        /// What harmful data light up in a fine-tuned model is removed from it.
        case antidote(AntidoteStep)
        /// The model of that condition, which is current; `nil`: the unedited one.
        case another(String?)
        /// Refusal vectors are added or subtracted, as a gate says.
        case scans(ScansStep)
    }

    package enum Ranks: Sendable {
        case recipe(RankRecipe)
        /// As many random ranks of every linear map as the condition of that name takes there, drawn with that seed.
        case randomLike(String, seed: UInt64)
    }

    package let condition: Study.Condition
    package let change: Change
    /// Of a defence: as a plan counts them.
    package let questions: Questions
    /// How its prompts are put; `nil`: as they are.
    package let defence: DefenceStep?
    package let isExported: Bool
    /// Another condition is made of this one's change of few ranks.
    package let isBuiltOn: Bool
    /// Data sets that each decoder block is scored on in turn, where the condition is made block by block.
    package let blockSides: [Study.Side]

    package var name: String { condition.name }
    package var isUnedited: Bool { if case .none = change { true } else { false } }

    package init(
        _ condition: Study.Condition, of study: Study, change: Change, questions: Questions, defence: DefenceStep? = nil
    ) {
        (self.condition, self.change, self.questions, self.defence) = (condition, change, questions, defence)
        isExported = study.export.contains(condition.name)
        isBuiltOn = study.isBuiltOn(condition.name)
        blockSides = condition.isSequential ? condition.method.sides : []
    }
}

/// A fine-tuning run over examples that are drawn and packed.
package struct TrainingStep: Sendable {
    package let settings: Study.FineTune
    package let pairs: [Pair]
    package let training: TaskBody.Training
    /// Other conditions begin where this run ends.
    package let isShared: Bool

    private var passSteps: Int {
        FineTuneSteps.stepCount(.epochs(1), examples: pairs.count, batch: settings.batch)
    }
    private var lossTarget: LossTarget? {
        settings.untilLoss.map { LossTarget(loss: $0, passSteps: passSteps) }
    }

    func outcome(_ losses: [Float]) -> TrainingOutcome? {
        guard !losses.isEmpty, losses.count <= training.steps.count else { return nil }
        let steps = max(0, losses.count - passSteps)..<losses.count
        return TrainingOutcome(
            steps: losses.count, loss: LossTarget.mean(losses, steps: steps, of: training), target: settings.untilLoss)
    }

    /// - Parameter kept: the weights that the settings' restriction leaves as they were.
    func request(kept: Mask?) -> TrainingRequest {
        let isRewound = settings.restriction?.kind == .rewind
        return TrainingRequest(
            training, freeze: isRewound ? nil : kept, rewind: isRewound ? kept : nil, isShared: isShared,
            checkpointEvery: settings.checkpointEvery, lossTarget: lossTarget)
    }
}

/// Makes the fine-tuning runs of a study; those with the same examples and batches hold them once.
struct TrainingSteps {
    private let study: Study
    private let codec: any TextCodec
    private let files: DataFiles
    private var drawn: [String: (pairs: [Pair], groups: [SequenceGroup])] = [:]
    private var packed: [(settings: Study.FineTune, training: TaskBody.Training)] = []

    init(_ study: Study, codec: any TextCodec, files: DataFiles) {
        (self.study, self.codec, self.files) = (study, codec, files)
    }

    /// - Throws: `InputError`, or `PackingError` where an example is larger than a micro-batch.
    mutating func step(_ settings: Study.FineTune) throws -> TrainingStep {
        let data = try examples(settings)
        return TrainingStep(
            settings: settings, pairs: data.pairs, training: try training(settings, data.groups),
            isShared: study.sharing(settings).count > 1)
    }

    private mutating func examples(
        _ settings: Study.FineTune
    ) throws(InputError) -> (pairs: [Pair], groups: [SequenceGroup]) {
        let key = "\(settings.samples ?? -1) \(settings.pairs)"
        if let known = drawn[key] { return known }
        let data = try FineTuneSteps.examples(settings, seed: study.seed, codec: codec, files)
        drawn[key] = data
        return data
    }

    private mutating func training(
        _ settings: Study.FineTune, _ groups: [SequenceGroup]
    ) throws(PackingError) -> TaskBody.Training {
        // What is frozen or rewound has no part in how the examples are laid out.
        var same = settings.training
        same.restriction = nil
        if let known = packed.first(where: { $0.settings == same }) { return known.training }
        let training = try FineTuneSteps.training(
            groups, settings: settings, seed: study.seed, batchTokens: settings.batchTokens ?? study.batchTokens)
        packed.append((same, training))
        return training
    }
}
