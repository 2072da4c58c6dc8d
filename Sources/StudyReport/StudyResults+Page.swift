import Evaluation
import Experiment
package import Reporting
import Selection
import StudyFile

/// What the page has beside the tables: findings, best grid points, figures, answers before and after.
extension StudyResults {
    package var points: [GridPoint] {
        conditions.compactMap { result in
            study.conditions.first { $0.name == result.name }.map { GridPoint($0, result) }
        }
    }

    func addFindings(to report: inout Report) {
        let points = points
        let settings = conditions.first?.attacks.map(\.setting.name) ?? []
        func values(_ measure: String) -> [Overlap.Value] { overlaps.first { $0.measure == measure }?.values ?? [] }
        guard
            let evidence = Evidence(points, jaccard: values("jaccard"), similarity: values("similarity"))
        else { return }
        report.findings = Claims.findings(evidence)
        report.findingNotes = Claims.notes
        if !evidence.best.rows.isEmpty {
            report.summary = [
                (
                    "Best grid point of every method, and a random edit of its size",
                    evidence.best.table(settings: settings)
                )
            ]
        }
        report.figures = StudyFigures.figures(points, settings: settings, overlaps: overlaps, probe: probe)
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
