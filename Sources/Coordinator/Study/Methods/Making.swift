package import Checkpoint
package import Selection

/// How a condition's model is made, and by whom.
package enum Making: Sendable {
    /// The unedited model.
    case nothing
    /// The coordinator chooses weights that are set to zero.
    case mask(@Sendable (EditInputs) throws -> Mask)
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

    package init(
        model: any WeightSource, seed: UInt64, probe: HeadProbe?, scores: @escaping (Study.Side) throws -> ScoreFile,
        mask: @escaping (String) throws -> Mask
    ) {
        (self.model, self.seed, self.probe, self.scores, self.mask) = (model, seed, probe, scores, mask)
    }
}
