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
    /// The kernel level of the workers, by name.
    package var kernels = ""
    package var probe: HeadProbe?
    package var overlaps: [OverlapTable] = []
    package var layerCurves: LayerCurves?
    package var layerRange: LayerRangeResult?
    package var reasoningCurves: ReasoningCurves?
    /// What the data files were taken for.
    package var files: [DataNote] = []
    /// What refusals begin with, in words; `nil`: no log-odds are taken.
    package var refusalTokens: String?

    package init(
        study: Study, conditions: [ConditionResult], gate: CoherenceGates, judges: Judges, harmful: [String],
        harmless: [String], warnings: [String], modelDigest: String, codec: String, thinking: String,
        probe: HeadProbe? = nil, overlaps: [OverlapTable] = [], layerCurves: LayerCurves? = nil,
        files: [DataNote] = [], refusalTokens: String? = nil
    ) {
        (self.study, self.conditions, self.gate, self.judges) = (study, conditions, gate, judges)
        (self.harmful, self.harmless, self.warnings) = (harmful, harmless, warnings)
        (self.modelDigest, self.codec, self.thinking) = (modelDigest, codec, thinking)
        (self.probe, self.overlaps, self.layerCurves, self.files) = (probe, overlaps, layerCurves, files)
        self.refusalTokens = refusalTokens
    }
}
