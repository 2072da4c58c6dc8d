import Checkpoint
import FineTuning
import Linalg
import Protocol
import Selection
import Stages
import Tensors
import Transformer

/// What the jobs of one assignment share: the stage, its edit, and the state of a fine-tuning run.
final class StageContext {
    let stage: Stage
    let assignment: StageAssignment
    let pool: ThreadPool
    let resident: Bool
    let spareBytes: Int
    /// Bits of the weights that fine-tuning leaves alone, by weight name.
    var frozen: [String: AlignedBuffer] = [:]
    /// Tensors that tasks compute with, by name (`OperandEdit`).
    private(set) var operands: [String: TensorBundle.Entry] = [:]
    var trainer: Trainer?
    var nextStep = 0
    /// The weights are no longer those of the checkpoint.
    var hasTrained = false

    var config: ModelConfig { stage.config }
    var isFirst: Bool { assignment.isFirst }
    var isLast: Bool { assignment.isLast }

    init(stage: Stage, assignment: StageAssignment, pool: ThreadPool, resident: Bool, spareBytes: Int) {
        self.stage = stage
        self.assignment = assignment
        self.pool = pool
        self.resident = resident
        self.spareBytes = spareBytes
    }

    /// A bundle of U8 bit masks by weight name. Its metadata `edit` says what they do: `zero` (the default) or `freeze`.
    /// Other edits are `training`: the bundle is where fine-tuning goes on (`TrainingEdit`); `low_rank`: factors of a change
    /// (`LowRankEdit`); `operands`: what tasks compute with (`OperandEdit`).
    func apply(_ edit: TensorBundle?) throws {
        forgetTraining()
        for layer in stage.layers { for matrix in layer.stacks { try matrix.restore() } }
        (frozen, operands) = ([:], [:])
        guard let edit else { return }
        if edit.metadata["edit"] == TrainingEdit.kind { return try resumeTraining(edit) }
        let byName = Dictionary(edit.entries.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        switch edit.metadata["edit"] {
        case OperandEdit.kind: operands = byName
        case LowRankEdit.kind: try change(byName)
        default: try mask(edit, byName)
        }
    }

    /// Adds a change of few ranks to the maps that it names.
    private func change(_ byName: [String: TensorBundle.Entry]) throws {
        for layer in stage.layers {
            for matrix in layer.stacks {
                for (number, part) in matrix.parts.enumerated() {
                    guard let left = byName[LowRankEdit.left(part.name)] else { continue }
                    guard let right = byName[LowRankEdit.right(part.name)], left.type == .f32, right.type == .f32,
                        left.shape.count == 2, left.shape[0] == part.rows.count,
                        right.shape == [left.shape[1], matrix.columns]
                    else { throw EngineError.wrongFactors(part.name) }
                    try matrix.add(part: number, left: left.buffer, right: right.buffer, rank: left.shape[1])
                }
            }
        }
    }

    private func mask(_ edit: TensorBundle, _ byName: [String: TensorBundle.Entry]) throws {
        for layer in stage.layers {
            for matrix in layer.stacks {
                for (number, part) in matrix.parts.enumerated() {
                    guard let mask = byName[part.name] else { continue }
                    let bytes = (part.rows.count * matrix.columns + 7) / 8
                    guard mask.type == .u8, mask.buffer.byteCount == bytes else {
                        throw EngineError.wrongMask("\(part.name) has \(mask.buffer.byteCount) bytes, not \(bytes)")
                    }
                    if edit.metadata["edit"] == "freeze" {
                        frozen[part.name] = mask.buffer
                    } else {
                        matrix.zero(part: number, mask: mask.buffer)
                    }
                }
            }
        }
    }

    /// Weights as the checkpoint has them, once training has changed them.
    private func forgetTraining() {
        guard hasTrained else { return }
        (trainer, nextStep, hasTrained) = (nil, 0, false)
        // The source was read once already; failing now would mean the file changed under us.
        do { try stage.reload() } catch { fatalError("could not read the checkpoint again: \(error)") }
    }

    /// Whether a batch of `tokens` may keep its activations for the backward, with `inFlight` such batches at once.
    func keepsActivations(tokens: Int, inFlight: Int, reserved: Int) -> Bool {
        let perToken = Stage.activationBytesPerToken(config) * stage.layers.count
        return tokens * perToken * inFlight <= max(0, spareBytes - reserved) / 2
    }

    func pack(_ batch: Batch) throws -> PackedBatch {
        try PackedBatch(
            batch.sequences.map { ($0.tokens, $0.scoredFrom, $0.prefix) },
            groups: batch.sequences.map { $0.group ?? 0 })
    }

    /// The stage's input: the embedding's rows in the first stage, else what the previous stage sent.
    func input(_ packet: Packet, batch: PackedBatch) throws -> AlignedBuffer {
        if isFirst { return try stage.embedding!.rows(batch.tokens) }
        let bytes = batch.rowCount * config.hiddenSize * 4
        guard let payload = packet.payload, payload.byteCount == bytes else {
            throw StageError.badBatch("\(packet.payload?.byteCount ?? 0) bytes of activations came, \(bytes) were due")
        }
        return payload
    }
}
