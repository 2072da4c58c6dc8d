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
    /// What the stage reads its weights from.
    let source: EditableSource
    /// What edits name beside the model.
    let files: EditFiles
    /// How directions are scaled in the stage's tensors.
    let directions = DirectionMove.Memory()
    let assignment: StageAssignment
    let pool: ThreadPool
    let memory: StageMemory
    /// Bits of the weights that fine-tuning leaves alone, by weight name.
    var frozen: [String: AlignedBuffer] = [:]
    /// Tensors that tasks compute with, by name (`Operands`).
    var operands: [String: TensorBundle.Entry] = [:]
    var trainer: Trainer?
    var nextStep = 0
    /// The weights are no longer those of the checkpoint.
    var hasTrained = false

    var config: ModelConfig { stage.config }
    var resident: Bool { memory.isResident }
    var isFirst: Bool { assignment.isFirst }
    var isLast: Bool { assignment.isLast }

    init(
        stage: Stage, source: EditableSource, files: EditFiles, assignment: StageAssignment, pool: ThreadPool,
        memory: StageMemory
    ) {
        self.stage = stage
        self.source = source
        self.files = files
        self.assignment = assignment
        self.pool = pool
        self.memory = memory
    }

    /// Takes back what the edit before did, and makes this one current; `nil`: the checkpoint as it is.
    /// - Throws: `SelectionError.unknownEdit`; `EngineError` where the edit does not fit the model.
    func apply(_ edit: TensorBundle?) throws {
        forgetRewrite()
        forgetTraining()
        for layer in stage.layers { for matrix in layer.stacks { try matrix.restore() } }
        try stage.head?.matrix.restore()
        stage.embedding?.change = nil
        (frozen, operands, stage.writer) = ([:], [:], nil)
        if let edit { try change(by: edit) }
    }

    /// Has every weight of the stage read as `rewrite` makes it, until the next edit.
    /// - Throws: `StageError.badWeight` where a weight becomes no finite number; what reading throws.
    func rewriteWeights(_ rewrite: @escaping WeightRewrite) throws {
        source.rewrite = rewrite
        try stage.reload()
    }

    private func forgetRewrite() {
        guard source.rewrite != nil else { return }
        source.rewrite = nil
        reload()
    }

    /// Tensors that the stage computes with, by the checkpoint's names.
    var tensorNames: [String] {
        config.tensorShapes.map(\.name).filter { name in
            if let layer = StagePlace.layer(of: name) { return stage.range.contains(layer) }
            let isEmbedding = name.hasPrefix("model.embed_tokens")
            return isEmbedding ? isFirst || (isLast && config.tiedEmbeddings) : isLast
        }
    }

    /// Weights as the checkpoint has them, once training has changed them.
    private func forgetTraining() {
        guard hasTrained else { return }
        (trainer, nextStep, hasTrained) = (nil, 0, false)
        reload()
    }

    private func reload() {
        // The source was read once already; failing now would mean the file changed under us.
        do { try stage.reload() } catch { fatalError("could not read the checkpoint again: \(error)") }
    }

    func pack(_ batch: Batch) throws -> PackedBatch {
        let layout = stage.writer.map { WrittenBatch(batch.sequences, $0) }
        let sequences = layout?.sequences ?? batch.sequences
        return try PackedBatch(
            sequences.map { ($0.tokens, $0.scoredFrom, $0.prefix) }, groups: sequences.map { $0.group ?? 0 },
            firstWritten: layout?.firstWritten ?? [], isOpposed: layout?.isOpposed ?? [])
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
