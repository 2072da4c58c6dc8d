import FleetIO
import Foundation
import ModelService
import Protocol
import Scheduling
import Selection
import Tensors

/// A fine-tuning run as the fleet is asked for it.
package struct FineTuning {
    var training: TaskBody.Training
    /// Digest of the whole training's task.
    var content: String
    /// Bits of the weights that stay, as an edit.
    var freeze: TensorBundle?
    /// Of everything that makes the trained weights; and of what rewinding makes of them.
    var digest: String
    var rewoundDigest: String
    /// Steps between two checkpoints. Never changes a result.
    var checkpointEvery: Int
    /// What it ends with is kept, for others that begin there. Never changes a result.
    var isShared = false
    var lossTarget: LossTarget?

    /// Steps that the run has, as far as its losses so far say it.
    func stepCount(_ losses: [Float]) -> Int { lossTarget?.end(losses, of: training) ?? training.steps.count }

    /// Where the segment ends that begins after `step`: at the next checkpoint, or where a loss target is looked at.
    func segmentEnd(after step: Int) -> Int {
        let end = min(training.steps.count, step + checkpointEvery)
        guard let lossTarget else { return end }
        return min(end, (step / lossTarget.passSteps + 1) * lossTarget.passSteps)
    }

    func tokens(_ steps: Range<Int>) -> Double {
        Double(training.steps[steps].joined().reduce(0) { $0 + $1.tokenCount })
    }

    /// Steps `range`, as a task that continues what the pipeline holds.
    func task(_ range: Range<Int>, label: String) -> FleetTask {
        var part = training
        part.steps = Array(training.steps[range])
        part.firstStep = range.lowerBound
        var task = FleetTask(body: .train(part), cost: tokens(range), sequence: 0)
        task.name =
            range.count == training.steps.count ? label : "\(label) steps \(range.lowerBound + 1)-\(range.upperBound)"
        return task
    }
}

/// What the stages of a training pipeline held after a step, on disk: weights, moments, and the losses so far.
struct TrainingCheckpoint {
    private static let finalKey = "final"

    var step: Int
    var losses: [Float]
    var stages: [StageResult]
    /// Weights without moments: what a training ends with, where others begin there.
    var isFinal: Bool

    /// As the journal keeps it: one result a stage, and the losses as one more.
    var records: [StageResult] {
        let bundle = TensorBundle(
            metadata: ["steps": "\(step)", Self.finalKey: "\(isFinal)"],
            entries: [.init(name: ResultName.losses, type: .f32, shape: [losses.count], buffer: AlignedBuffer(losses))])
        return stages + [
            StageResult(
                stage: stages.count, layers: 0..<0, digest: bundle.image().sha256(), bundle: .memory(bundle),
                worker: "coordinator")
        ]
    }

    init(step: Int, losses: [Float], stages: [StageResult], isFinal: Bool) {
        (self.step, self.losses, self.stages, self.isFinal) = (step, losses, stages, isFinal)
    }

    /// - Returns: `nil` where the records are not those of a checkpoint.
    init?(records: [StageResult]) {
        guard let last = records.last, case .memory(let bundle) = last.bundle, let losses = bundle[ResultName.losses],
            let step = bundle.metadata["steps"].flatMap({ Int($0) }), losses.type == .f32
        else { return nil }
        self.init(
            step: step, losses: losses.buffer.floatArray(), stages: records.dropLast(),
            isFinal: bundle.metadata[Self.finalKey] == "true")
    }

    /// The edit that puts a pipeline of any shape there. Its tensors are read from the files as they are sent.
    /// - Parameter rewound: bits of the weights that get the checkpoint's values back.
    func edit(_ run: FineTuning, rewound: TensorBundle? = nil) throws -> TensorBundle {
        var edit = TensorBundle(metadata: [
            EditKind.key: EditKind.training.rawValue, TrainingEdit.steps: "\(step)",
            TrainingEdit.parameters: run.training.parameters.rawValue,
            TrainingEdit.isFinal: "\(isFinal)",
        ])
        edit.metadata[TrainingEdit.lora] = run.training.lora?.text
        for (prefix, mask) in [(TrainingEdit.frozen, run.freeze), (TrainingEdit.rewound, rewound)] {
            for entry in mask?.entries ?? [] {
                edit.entries.append(
                    .init(name: prefix + entry.name, type: entry.type, shape: entry.shape, buffer: entry.buffer))
            }
        }
        for stage in stages {
            switch stage.bundle {
            case .memory(let bundle): edit.entries += bundle.entries
            case .file(let path): edit.entries += try TensorBundle(mapping: path).entries
            }
        }
        return edit
    }

    var files: [String] {
        stages.compactMap { if case .file(let path) = $0.bundle { path } else { nil } }
    }
}

/// Where checkpoints are kept: the newest of one training, in the run's journal where there is one.
final class CheckpointStore {
    private let memory: RunMemory?
    private var held: (key: String, checkpoint: TrainingCheckpoint)?

    init(_ memory: RunMemory?) { self.memory = memory }

    func newest(of key: String) throws -> TrainingCheckpoint? {
        if let held, held.key == key { return held.checkpoint }
        guard let records = try memory?.results(of: key), let found = TrainingCheckpoint(records: records) else {
            return nil
        }
        held = (key, found)
        return found
    }

    /// The one before goes when this one is on record: there are never more than two on disk.
    func keep(_ checkpoint: TrainingCheckpoint, of key: String, label: String) throws {
        if let memory {
            try memory.keepCheckpoint(key, label: label, checkpoint.records)
        } else {
            for path in held?.checkpoint.files ?? [] { Files.removeFile(path) }
        }
        held = (key, checkpoint)
    }
}
