package import Checkpoint
package import Selection
package import Tensors

/// The model is fine-tuned, with or without weights that stay as they were.
package struct FineTuneMethod: ConditionMethod {
    package static let keys = ["finetune", Study.gridKey]
    package static func axes(of key: String) -> [ListAxis] { [] }

    package var settings: Study.FineTune

    package init(_ settings: Study.FineTune) { self.settings = settings }

    /// Reads `finetune`.
    /// - Throws: `InputError` with file, line and the key's path.
    package init(_ entry: ConditionEntry) throws(InputError) {
        settings = try Study.fineTune(entry.node, entry.path)
    }

    /// A condition, or the cells of `finetune_grid`.
    /// - Throws: `InputError` with file, line and the key's path.
    package static func conditions(_ entry: ConditionEntry) throws(InputError) -> [Study.Condition] {
        guard entry.key == Study.gridKey else { return [try condition(entry)] }
        return try Study.fineTuneGrid(entry.node, entry.path).conditions
    }

    package var title: String { settings.title }
    package func family(_ extent: EditExtent) -> ConditionFamily {
        settings.lora != nil ? .fineTunedLoRA : settings.restriction == nil ? .fineTuned : .fineTunedFrozen
    }
    package var coordinates: [GridAxis] { [] }
    package var files: [String] { [settings.pairs] }
    package var sides: [Study.Side] { [] }
    package var needsScores: Bool { settings.restriction?.share?.needsScores ?? false }
    package var sequence: BlockSequence { .withoutData }
    package var making: Making { .training(settings) }

    /// Checks what the training's restriction needs of the rest of the study.
    /// - Throws: `InputError` naming the key of the study.
    package func check(_ condition: Study.Condition, in study: Study, _ top: StudyNode) throws(InputError) {
        try study.check(settings, of: condition, top)
    }

    /// Checks that the model has the weights that are to be frozen or rewound.
    /// - Throws: `InputError` naming the condition where it does not.
    package func check(_ condition: Study.Condition, against config: ModelConfig) throws {
        try settings.restriction?.weights.check(config, condition: condition.name)
    }

    /// Its data and settings say more than its words do.
    package func fingerprint(
        _ condition: Study.Condition, in study: Study, _ known: KnownInputs
    ) -> [String]? { nil }
}

extension ConditionFamily {
    package static let fineTuned = ConditionFamily(18, "fine-tuned")
    package static let fineTunedFrozen = ConditionFamily(19, "fine-tuned, weights frozen")
    package static let fineTunedLoRA = ConditionFamily(60, "fine-tuned, LoRA")
}
