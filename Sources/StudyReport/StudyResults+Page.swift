import Evaluation
import Experiment
package import Reporting
import Selection
import StudyFile

/// What the page has beside the tables: findings, best grid points, figures, answers before and after.
extension StudyResults {
    /// A defence makes no model, so it is no point of a method that does.
    package var points: [GridPoint] { points { $0.defence == nil } }
    private var defences: [GridPoint] { points { $0.defence != nil } }

    private func points(_ isMeant: (ConditionResult) -> Bool) -> [GridPoint] {
        var points: [GridPoint] = []
        for result in conditions where isMeant(result) {
            guard let condition = study.conditions.first(where: { $0.name == result.name }) else { continue }
            points.append(GridPoint(condition, result, in: study))
        }
        return points
    }

    func addFindings(to report: inout Report) {
        let curves = curveFigures
        addCurveTables(to: &report)
        report.figures = curves
        let points = points
        let settings = conditions.first?.attacks.map(\.setting.name) ?? []
        func values(_ measure: String) -> [Overlap.Value] { overlaps.first { $0.measure == measure }?.values ?? [] }
        guard
            let evidence = Evidence(
                points, defences: defences, jaccard: values("jaccard"), similarity: values("similarity"),
                judges: judges, seed: study.seed, isSplit: study.evaluation.selectOn == .half)
        else { return }
        report.findings = Claims.findings(evidence)
        report.findingNotes = Claims.notes(evidence)
        if !evidence.best.rows.isEmpty {
            report.summary = [
                (
                    "Best grid point of every method, and a random edit of its size"
                        + (evidence.isSplit ? " (chosen on one half of the prompts, reported on the other)" : ""),
                    evidence.best.table(settings: settings)
                )
            ]
        }
        if let bounds = study.evaluation.utilityBounds {
            let matched = MatchedUtility(evidence.points, unedited: evidence.unedited, bounds: bounds)
            report.summary.append(("Largest effect at matched utility: \(bounds.title)", matched.table()))
        }
        if let seeds = BestPoints.seeds(points, settings: settings) {
            report.tables.append(("Random edits drawn with several seeds: mean (least to most)", seeds))
        }
        report.figures = StudyFigures.figures(points, settings: settings, overlaps: overlaps, probe: probe) + curves
        for overlap in overlaps {
            report.tables.append(
                (
                    "Overlap of safety and utility: \(overlap.measure == "jaccard" ? "Jaccard index" : "φ")",
                    overlap.table()
                ))
        }
        var shown: [String] = []
        for row in evidence.best.rows {
            for point in [row.best.point] + (row.control.map { [$0] } ?? []) where !shown.contains(point.name) {
                shown.append(point.name)
            }
        }
        report.exchanges = SampleAnswers.exchanges(
            conditions, unedited: evidence.unedited.name, conditions: shown, prompts: harmful)
    }
}

/// A report on its way to the disk.
package enum ReportPage {
    /// The page with its figures drawn, as far as gnuplot is there.
    /// - Parameter gnuplot: `nil`: not installed.
    package static func html(_ report: Report, gnuplot: Gnuplot?) -> String {
        var drawings: [String: String] = [:]
        var missing =
            "\(Gnuplot.advice), so these are tables; the same command again draws them and computes nothing anew."
        if let gnuplot {
            for figure in report.figures {
                do { drawings[figure.id] = try gnuplot.svg(figure) } catch { missing = "No plot: \(error)." }
            }
        }
        return HTMLReport(report, drawings: drawings, missing: missing).page()
    }
}
