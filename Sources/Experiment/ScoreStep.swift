package import Protocol
import Selection
package import StudyFile

/// What is scored on the unedited model: one pass over each data set, whatever is wanted of it.
package struct ScoreStep: Sendable {
    /// One data set, and what is wanted of it.
    package struct Part: Sendable {
        package var side: Study.Side
        package var scores: Bool
        /// Second moments, and the subspaces that are made of them.
        package var subspaces: Bool

        package init(side: Study.Side, scores: Bool, subspaces: Bool) {
            self.side = side
            self.scores = scores
            self.subspaces = subspaces
        }
    }

    package let parts: [Part]
    private let settings: Study.Scores

    package init(_ study: Study) {
        let scores = study.needsScores && study.scores.method.needsData
        let ranks = study.rankSides
        settings = study.scores
        parts =
            study.calibration == nil
            ? []
            : Study.Side.allCases.filter { scores || ranks.contains($0) }.map {
                Part(side: $0, scores: scores, subspaces: ranks.contains($0))
            }
    }

    /// The data sets whose subspaces are found.
    package var rankSides: [Study.Side] { parts.filter(\.subspaces).map(\.side) }

    /// What the workers are asked to collect, over all data sets.
    package var statistics: Set<StatisticRequest> {
        Set(
            parts.flatMap { part in
                (part.scores ? settings.requests : []) + (part.subspaces ? [.secondMoments] : [])
            })
    }
}
