package import Datasets
package import Evaluation
package import Selection
package import StudyFile

/// A finished study: what was measured of every condition, and what it was measured with.
package struct StudyResults: Sendable {
    package var study: Study
    package var conditions: [ConditionResult]
    package var gate: CoherenceGates
    package var judges: Judges
    package var harmful: [String]
    package var harmless: [String]
    package var warnings: [String]
    package var modelDigest: String
    package var codec: String
    package var thinking: String
    package var probe: HeadProbe?
    package var overlaps: [OverlapTable] = []
    /// What the data files were taken for.
    package var files: [DataNote] = []

    package init(
        study: Study, conditions: [ConditionResult], gate: CoherenceGates, judges: Judges, harmful: [String],
        harmless: [String], warnings: [String], modelDigest: String, codec: String, thinking: String,
        probe: HeadProbe? = nil, overlaps: [OverlapTable] = [], files: [DataNote] = []
    ) {
        (self.study, self.conditions, self.gate, self.judges) = (study, conditions, gate, judges)
        (self.harmful, self.harmless, self.warnings) = (harmful, harmless, warnings)
        (self.modelDigest, self.codec, self.thinking) = (modelDigest, codec, thinking)
        (self.probe, self.overlaps, self.files) = (probe, overlaps, files)
    }
}
