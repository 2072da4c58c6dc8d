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
    /// As many random weights, or ranks, of every matrix as the condition of that name takes.
    case like(String)
    case training(Study.FineTune)
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
    /// The file of a statistic of the study's own.
    package var statistic: (String) throws -> TensorBundle
    /// What the evaluation puts to every condition.
    package var prompts: [PutPrompt]
    package var codec: any TextCodec
    /// Reads data files.
    package var files: DataFiles

    package init(
        model: any WeightSource, seed: UInt64, probe: HeadProbe?, scores: @escaping (Study.Side) throws -> ScoreFile,
        mask: @escaping (String) throws -> Mask, statistic: @escaping (String) throws -> TensorBundle,
        prompts: [PutPrompt], codec: any TextCodec, files: DataFiles
    ) {
        (self.model, self.seed, self.probe, self.scores, self.mask) = (model, seed, probe, scores, mask)
        (self.statistic, self.prompts, self.codec, self.files) = (statistic, prompts, codec, files)
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
