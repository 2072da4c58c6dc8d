import Checkpoint
import Contracts
import FleetIO
import Foundation
package import ModelService
import Protocol
import Reporting
import Scheduling
import Selection
package import Tensors

/// Fine-tuning in segments of a few steps, with what the stages hold kept on disk in between.
extension FleetRunner {
    /// Fine-tunes on the fleet, or takes the losses from the record.
    /// - Returns: the loss of every step.
    /// - Throws: `FleetError` where the work is given up; `ProtocolError` where the training is too large to be sent;
    ///   `JournalError`.
    package func train(_ request: TrainingRequest, label: String) async throws -> [Float] {
        let run = try fineTuning(request, ModelState(request))
        weights = .trained(run, rewound: nil)
        let losses = try train(run, label: label)
        weights = .trained(run, rewound: request.rewind.map(Self.bits))
        return losses
    }

    func fineTuning(_ request: TrainingRequest, _ state: ModelState) throws -> FineTuning {
        // Without its provenance: equal bits are one training, whoever chose them.
        let mask = request.freeze.map { FrozenWeights(Mask(maps: $0.maps)).bundle }
        // The weights are what this task makes of the checkpoint; the task itself is known by them.
        var run = FineTuning(
            training: request.training, content: try TaskBody.train(request.training).digest(), freeze: mask,
            digest: state.trainedIdentity, rewoundDigest: state.identity,
            checkpointEvery: request.checkpointInterval)
        run.isShared = request.isShared || request.rewind != nil
        run.lossTarget = request.lossTarget
        return run
    }

    /// A mask without its provenance: equal bits are one training, whoever chose them.
    static func bits(_ mask: Mask) -> TensorBundle { Mask(maps: mask.maps).bundle }

    private func train(_ run: FineTuning, label: String) throws -> [Float] {
        let key = try keys(of: [run.content])[0]
        if let known = try memory?.results(of: key) {
            return try known.last?.load()[ResultName.losses]?.buffer.floatArray() ?? []
        }
        if run.isShared, let end = try kept(run) { return end.losses }
        let losses = try trainOnFleet(run, label: label)
        let bundle = TensorBundle(entries: [
            .init(name: ResultName.losses, type: .f32, shape: [losses.count], buffer: AlignedBuffer(losses))
        ])
        let result = StageResult(
            stage: 0, layers: 0..<checkpoint.config.layerCount, digest: bundle.image().sha256(),
            bundle: .memory(bundle), worker: "coordinator")
        try memory?.commit([RunMemory.Entry(key: key, label: label, results: [result])])
        return losses
    }

    /// Hands over the weights of the last fine-tuning, stage by stage, from the record or from the workers.
    /// - Throws: `InternalError` where nothing has been trained; `FleetError` where the work is given up, or the
    ///   weights on record are damaged; what `body` throws.
    package func trainedWeights(_ body: (TensorBundle) throws -> Void) async throws {
        guard case .trained(let run, _) = weights else { throw InternalError("nothing has been trained") }
        if let end = try run.isShared ? finished(run) : kept(run) {
            let contract = contract(.export, run, steps: end.step)
            for result in end.stages {
                let bundle = try result.load()
                // They were checked when they came; a disk may have changed them since.
                if let fault = contract.result(of: result.layers).check(bundle) {
                    throw FleetError("fine-tuned weights on record are damaged: \(fault)")
                }
                try body(bundle)
            }
            return
        }
        try ready(copies: ModelPlan.Copies.reading)
        progress.begin("fetching trained weights", total: 1, unit: "models")
        defer { progress.end() }
        var task = FleetTask(body: .export, cost: 1)
        task.contract = contract(.export, run, steps: run.lossTarget == nil ? run.training.steps.count : nil)
        try fleet.run([task], label: "fetching trained weights") { _, results in
            for result in results {
                try body(try result.load())
                if case .file(let path) = result.bundle { Files.removeFile(path) }
            }
        }
    }

    /// What the results of a task of fine-tuning look like after so many steps of the whole run.
    private func contract(_ body: TaskBody, _ run: FineTuning, steps: Int?) -> TaskContract {
        TaskContract(
            body, of: checkpoint,
            trained: .init(parameters: run.training.parameters, steps: steps, lora: run.training.lora))
    }

    /// Puts the workers where a run ended.
    ///
    /// What several conditions share goes to all pipelines as an edit; it is resident on the workers, with the edit's own
    /// pages beside it for a while. What one condition trains for itself stays where it was trained.
    func restore(_ run: FineTuning, rewound: TensorBundle?, copies: Double, digest: String) throws {
        guard run.isShared else {
            _ = try trainOnFleet(run, label: "fine-tuning again")
            return
        }
        let end = try finished(run)
        leastCopies = 2
        try use(copies: max(copies, leastCopies), onePipeline: false)
        held = nil
        try fleet.apply(
            edit: try end.edit(run, rewound: rewound), name: rewound == nil ? "fine-tuned" : "fine-tuned and rewound")
        held = digest
    }

    /// Trains, from the newest checkpoint where there is one, and leaves the workers with the trained weights.
    ///
    /// What the workers that come later get is always the newest checkpoint: so a lost stage costs the steps since then,
    /// and the scheduler sees to it without being told. A training shorter than one segment is not kept at all, unless
    /// others begin where it ends.
    /// - Returns: the loss of every step.
    private func trainOnFleet(_ run: FineTuning, label: String) throws -> [Float] {
        let count = run.training.steps.count
        try use(copies: ModelPlan.Copies.fineTuning(run.training, checkpoint.config), onePipeline: true)
        held = nil
        let key = try checkpointKey(run)
        var (step, losses): (Int, [Float]) = (0, [])
        if let saved = try checkpoints.newest(of: key), saved.step <= count, saved.losses.count == saved.step {
            progress.note("\(label): going on after step \(saved.step) of \(count)")
            try fleet.apply(edit: try saved.edit(run), name: "checkpoint at step \(saved.step)")
            (step, losses) = (saved.step, saved.losses)
        } else {
            try fleet.apply(edit: run.freeze, name: run.freeze == nil ? "unedited" : FrozenWeights.title)
        }
        progress.begin(label, total: Int(run.tokens(0..<count)), unit: "tokens")
        defer { progress.end() }
        while step < run.stepCount(losses) {
            // The run may end at a loss target, but the segment does not know it: it keeps what the next one would need.
            let end = run.segmentEnd(after: step)
            let done = run.tokens(0..<step)
            var tasks = [run.task(step..<end, label: label)]
            if end - step < count || run.isShared {
                tasks.append(FleetTask(body: end == count ? .export : .checkpoint, cost: 0, sequence: 0))
                tasks[1].name = "\(label) checkpoint \(end)"
            }
            for index in tasks.indices { tasks[index].contract = contract(tasks[index].body, run, steps: end) }
            var results: [[StageResult]] = []
            try fleet.run(
                tasks, label: label, progress: { [progress] in progress.update(Int(done + $0.costDone)) },
                committed: { results.append($1) })
            losses += try results[0].last?.load()[ResultName.losses]?.buffer.floatArray() ?? []
            step = end
            guard results.count == 2 else { continue }
            let checkpoint = TrainingCheckpoint(
                step: step, losses: losses, stages: results[1], isFinal: tasks[1].body == .export)
            try keep(checkpoint, run, key, label)
        }
        if run.isShared, try kept(run) == nil { try keepEnd(run, losses, key, label) }
        held = run.digest
        return losses
    }

    private func keep(_ checkpoint: TrainingCheckpoint, _ run: FineTuning, _ key: String, _ label: String) throws {
        try checkpoints.keep(checkpoint, of: key, label: "\(label) checkpoint \(checkpoint.step)")
        try fleet.rebase(edit: try checkpoint.edit(run), name: "checkpoint at step \(checkpoint.step)")
    }

    /// Where a run has ended at its loss target, the newest checkpoint has moments; those who begin there want none.
    private func keepEnd(_ run: FineTuning, _ losses: [Float], _ key: String, _ label: String) throws {
        var task = FleetTask(body: .export, cost: 0, sequence: 0)
        task.name = "\(label) end"
        task.contract = contract(.export, run, steps: losses.count)
        var stages: [StageResult] = []
        try fleet.run([task], label: label) { stages = $1 }
        try keep(
            TrainingCheckpoint(step: losses.count, losses: losses, stages: stages, isFinal: true), run, key, label)
    }

    /// The finished training, where it is on disk.
    private func kept(_ run: FineTuning) throws -> TrainingCheckpoint? {
        guard let saved = try checkpoints.newest(of: try checkpointKey(run)), saved.isFinal,
            saved.step == run.stepCount(saved.losses)
        else { return nil }
        return saved
    }

    /// The finished training on disk; trained again where it has gone from there.
    private func finished(_ run: FineTuning) throws -> TrainingCheckpoint {
        if let end = try kept(run) { return end }
        var run = run
        run.isShared = true
        _ = try trainOnFleet(run, label: "fine-tuning again")
        guard let end = try kept(run) else { throw InternalError("what fine-tuning ended with was not kept") }
        return end
    }

    private func checkpointKey(_ run: FineTuning) throws -> String {
        RunMemory.checkpointPrefix + Digest.sha256(Array((try common() + [run.digest]).joined(separator: "\n").utf8))
    }
}
