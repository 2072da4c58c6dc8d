import Experiment
import Reporting
import Selection
import StudyFile
import Tensors

/// What a report has of a study's curves over blocks, and of the range that it found by them.
extension StudyResults {
    var curveFigures: [Figure] {
        (layerCurves.map { StudyFigures.layerCurves($0) } ?? [])
            + (reasoningCurves.map { StudyFigures.reasoning($0) } ?? [])
    }

    func addCurveTables(to report: inout Report) {
        if let layerCurves { report.tables.append(("Cosines of the last tokens' states", layerCurves.table())) }
        if let layerRange {
            let title =
                "Safety layers: \(LayerRangeResult.words(layerRange.chosen)), from \(LayerRangeResult.words(layerRange.start)); refusals by \(layerRange.judge)"
            report.tables.append((title, layerRange.table()))
        }
        if let reasoningCurves {
            report.tables.append(("Distances that beginnings of answers make", reasoningCurves.table()))
        }
    }

    /// How range and curves were found.
    var curveSettings: [(name: String, value: String)] {
        var settings: [(name: String, value: String)] = []
        if let plan = study.layerRange { settings.append(("layer range", plan.title)) }
        if let plan = study.reasoningCurves { settings.append(("reasoning curves", plan.title)) }
        return settings
    }

    /// Their part of `results.json`; what the study does not ask for is absent.
    var curveMembers: [JSON.Member] {
        [
            ("layer_curves", layerCurves?.json), ("layer_range", layerRange?.json),
            ("reasoning_curves", reasoningCurves?.json),
        ].compactMap { name, json in json.map { JSON.Member(name, $0) } }
    }
}
