import Selection

/// What has to be computed of the unedited model before a condition can be made.
extension Study.Condition {
    /// Whether the condition's weights are chosen by scores of the unedited model. Those of a condition that is made block by
    /// block are not: every block's scores are of a model whose earlier blocks are edited.
    package var needsScores: Bool { method.needsScores && !isSequential }
}

extension Study {
    /// Whether scores of the unedited model are needed: by a condition, or by the Jaccard index of `overlap`.
    package var needsScores: Bool { overlap?.jaccard != nil || conditions.contains(where: \.needsScores) }

    /// The data sets whose pairs are needed: for scores, for subspaces, or for conditions that are made block by block.
    package var calibratedSides: [Side] {
        Side.allCases.filter { side in
            needsScores && scores.method.needsData || rankSides.contains(side)
                || conditions.contains { $0.isSequential && $0.method.sides.contains(side) }
        }
    }
}

extension Study.CalibrationData {
    package subscript(_ side: Study.Side) -> Study.PairSource {
        switch side {
        case .safety: safety
        case .utility: utility
        }
    }
}
