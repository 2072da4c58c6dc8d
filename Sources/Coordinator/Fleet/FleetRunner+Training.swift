import Foundation
import Protocol
import Reporting
import Tensors

/// Fine-tuning in segments of a few steps, with what the stages hold kept on disk in between.
extension FleetRunner {
    /// Trains, from the newest checkpoint where there is one, and leaves the workers with the trained weights.
    ///
    /// What the workers that come later get is always the newest checkpoint: so a lost stage costs the steps since then,
    /// and the scheduler sees to it without being told. A training shorter than one segment is not kept at all.
    /// - Returns: the loss of every step.
    func trainOnFleet(_ run: FineTuning, label: String) throws -> [Float] {
        let count = run.training.steps.count
        try use(copies: 4.2, onePipeline: true)
        held = nil
        let key = checkpointKey(run)
        var (step, losses): (Int, [Float]) = (0, [])
        if let saved = try shelf.newest(of: key), saved.step <= count, saved.losses.count == saved.step {
            progress.note("\(label): going on after step \(saved.step) of \(count)")
            try fleet.apply(edit: try saved.edit(run), name: "checkpoint at step \(saved.step)")
            (step, losses) = (saved.step, saved.losses)
        } else {
            try fleet.apply(edit: run.freeze, name: run.freeze == nil ? "unedited" : "freeze")
        }
        progress.begin(label, total: Int(run.tokens(0..<count)), unit: "tokens")
        defer { progress.end() }
        while step < count {
            let end = min(count, step + run.checkpointEvery)
            let done = run.tokens(0..<step)
            var tasks = [run.task(step..<end, label: label)]
            if end - step < count {
                tasks.append(FleetTask(body: end == count ? .export : .checkpoint, cost: 0, sequence: 0))
                tasks[1].name = "\(label) checkpoint \(end)"
            }
            var results: [[StageResult]] = []
            try fleet.run(
                tasks, label: label, progress: { [progress] in progress.update(Int(done + $0.costDone)) },
                committed: { results.append($1) })
            losses += try results[0].last?.load()["losses"]?.buffer.floatArray() ?? []
            step = end
            guard results.count == 2 else { continue }
            let checkpoint = TrainingCheckpoint(step: step, losses: losses, stages: results[1])
            try shelf.keep(checkpoint, of: key, label: "\(label) checkpoint \(step)")
            try fleet.rebase(edit: try checkpoint.edit(run), name: "checkpoint at step \(step)")
        }
        held = run.digest
        return losses
    }

    /// The finished training's tensors, where they are on disk.
    func keptWeights(_ run: FineTuning) throws -> [StageResult]? {
        guard let saved = try shelf.newest(of: checkpointKey(run)), saved.step == run.training.steps.count else {
            return nil
        }
        return saved.stages
    }

    private func checkpointKey(_ run: FineTuning) -> String {
        RunMemory.checkpointPrefix + Digest.sha256(Array((common + [run.digest]).joined(separator: "\n").utf8))
    }
}
