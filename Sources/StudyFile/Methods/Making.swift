package import Checkpoint
package import Datasets
package import Selection
package import Tensors

/// How a condition's model is made, and by whom.
package enum Making: Sendable {
    /// The unedited model.
    case nothing
    /// The coordinator chooses weights that are set to zero.
    case mask(@Sendable (EditInputs) throws -> Mask)
    /// The coordinator makes an edit of another kind.
    case edit(@Sendable (EditInputs) throws -> any WeightEdit)
    /// The workers make a change of few ranks out of the subspaces of these data sets, in the order the recipe takes them.
    case ranks(RankRecipe, [Study.Side])
    /// As many random weights, or ranks, of every matrix as the condition of that name takes; drawn with that seed, or the
    /// study's.
    case like(String, seed: UInt64?)
    case training(Study.FineTune)
    /// What data light up in a fine-tuned model is removed from it.
    case antidote(AntidoteMethod)
    /// The model of the condition of that name as it is, or the unedited one.
    case another(String?)
    /// Refusal vectors are added or subtracted, as a gate says that is calibrated on prompts of its own.
    case scans(ScansMethod)
}

/// What the coordinator has when it makes a condition's edit.
package struct EditInputs {
    package var model: any WeightSource
    package var seed: UInt64
    /// The ranking of attention heads, where the study probes them.
    package var probe: HeadProbe?
    /// Scores of a data set: of the unedited model, or of one block where a condition is made block by block.
    package var scores: (Study.Side) throws -> ScoreFile
    /// The mask of an earlier condition.
    package var mask: (String) throws -> Mask
    /// The change of few ranks that an earlier condition makes, as fine-tuning with `lora` does.
    package var lowRank: (String) throws -> LowRankEdit
    /// The file of a statistic of the study's own.
    package var statistic: (String) throws -> TensorBundle
    /// The direction that the study selects.
    package var direction: () throws -> ResidualDirection
    /// What the evaluation puts to every condition.
    package var prompts: [PutPrompt]
    package var codec: any TextCodec
    /// Reads data files.
    package var files: DataFiles

    package init(
        model: any WeightSource, seed: UInt64, probe: HeadProbe?, scores: @escaping (Study.Side) throws -> ScoreFile,
        mask: @escaping (String) throws -> Mask, statistic: @escaping (String) throws -> TensorBundle,
        direction: @escaping () throws -> ResidualDirection, prompts: [PutPrompt], codec: any TextCodec,
        files: DataFiles,
        lowRank: @escaping (String) throws -> LowRankEdit = { name in
            throw InternalError("condition \(name) has changed no ranks yet")
        }
    ) {
        self.lowRank = lowRank
        (self.model, self.seed, self.probe, self.scores, self.mask) = (model, seed, probe, scores, mask)
        (self.statistic, self.direction) = (statistic, direction)
        (self.prompts, self.codec, self.files) = (prompts, codec, files)
    }
}

/// A prompt as it is put to the model.
package struct PutPrompt: Sendable {
    /// As it stands in its file.
    package var text: String
    package var isHarmful: Bool
    /// With its template, in its attack setting.
    package var tokens: [Int32]

    package init(text: String, isHarmful: Bool, tokens: [Int32]) {
        (self.text, self.isHarmful, self.tokens) = (text, isHarmful, tokens)
    }
}
