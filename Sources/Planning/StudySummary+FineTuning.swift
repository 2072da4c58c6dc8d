import Checkpoint
import Experiment
import Reporting
import StudyFile

/// What fine-tuning will compute and store.
extension StudySummary {
    var fineTuningRows: [[String]] {
        let runs = study.trainings
        guard !runs.isEmpty else { return [] }
        let conditions = runs.reduce(0) { $0 + study.sharing($1).count }
        var rows = [["fine-tuning runs", "\(runs.count), for \(conditions) conditions"]]
        let steps = runs.map(steps)
        let known = steps.compactMap { $0 }.reduce(0, +)
        let open = steps.count { $0 == nil }
        rows.append([
            "optimiser steps", open == 0 ? "\(known)" : "\(known) and those of \(open) runs over whole files",
        ])
        if runs.contains(where: { study.sharing($0).count > 1 }) {
            rows.append([
                "trained weights that several conditions share",
                "\(Format.bytes(config.parameterCount * 4)), kept until the next run",
            ])
        }
        return rows
    }

    /// `nil` where it takes the file to know.
    private func steps(_ run: Study.FineTune) -> Int? {
        if case .steps(let count) = run.length { return count }
        return run.samples.map { FineTuneSteps.stepCount(run.length, examples: $0, batch: run.batch) }
    }
}
