import Checkpoint
import FineTuning
import Protocol
import Stages
import Tensors
import Transformer

/// Fine-tuning that goes on from a checkpoint, whatever the stages were that made it.
extension StageContext {
    /// Puts weights, moments, frozen weights and the count of steps where the run was, and takes weights back to the
    /// checkpoint's where the run is over and the edit says so.
    func resumeTraining(_ edit: TensorBundle) throws {
        guard resident else { throw EngineError.trainingNeedsMemory }
        guard let steps = edit.metadata[TrainingEdit.steps].flatMap({ Int($0) }), steps >= 0,
            let parameters = edit.metadata[TrainingEdit.parameters].flatMap({
                TaskBody.Training.Parameters(rawValue: $0)
            })
        else { throw EngineError.badState("its steps or parameters are not named") }
        var lora: LoRA?
        if let text = edit.metadata[TrainingEdit.lora] {
            lora = LoRA(text: text)
            guard lora != nil, parameters == .linear else {
                throw EngineError.badState("its rank, alpha or maps are not named")
            }
        }
        frozen = bits(TrainingEdit.frozen, of: edit)
        let rewound = bits(TrainingEdit.rewound, of: edit)
        for mask in [frozen, rewound] { try check(mask) }
        let saved = SavedTraining(steps: steps, isFinal: edit.metadata[TrainingEdit.isFinal] == "true", edit.entries)
        // A step more would train weights that no run ever had.
        guard rewound.isEmpty || saved.isFinal else { throw EngineError.badState("it is rewound before its end") }
        // From here on the weights are not the checkpoint's: the next edit has to read them again, also after an error.
        hasTrained = true
        if parameters == .all, isFirst { try stage.holdEmbedding() }
        do throws(SavedTraining.Fault) { trainer = try makeTrainer(parameters, lora, saved: saved) } catch {
            throw EngineError.badState(error.description)
        }
        try trainer?.merge()
        if parameters == .all, isFirst, !ownsEmbedding { try takeEmbedding(edit) }
        nextStep = steps
        for layer in stage.layers {
            for matrix in layer.stacks {
                for (number, part) in matrix.parts.enumerated() {
                    if let mask = rewound[part.name] { try matrix.rewind(part: number, mask: mask) }
                }
            }
        }
    }

    /// The bits whose names begin with `prefix`, by weight name.
    private func bits(_ prefix: String, of edit: TensorBundle) -> [String: AlignedBuffer] {
        let entries = edit.entries.filter { $0.type == .u8 && $0.name.hasPrefix(prefix) }
        return Dictionary(entries.map { (String($0.name.dropFirst(prefix.count)), $0.buffer) }) { first, _ in first }
    }

    /// Fresh moments over the stage's parameters as they are, or those of `saved`.
    func makeTrainer(
        _ parameters: TaskBody.Training.Parameters, _ lora: LoRA?, saved: SavedTraining? = nil
    ) throws(SavedTraining.Fault) -> Trainer {
        try Trainer(
            stage, pool: pool, all: parameters == .all, frozen: frozen, ownsEmbedding: ownsEmbedding,
            lowRank: lora.map { LowRankTraining($0) }, saved: saved)
    }

    /// A tied embedding is trained by the stage that holds it as LM head.
    private var ownsEmbedding: Bool { !(config.tiedEmbeddings && assignment.stageCount > 1) }

    private func takeEmbedding(_ edit: TensorBundle) throws {
        guard let entry = edit["model.embed_tokens.weight"],
            entry.buffer.byteCount == config.vocabularySize * config.hiddenSize * 4
        else { throw EngineError.badState("model.embed_tokens.weight is not in it") }
        stage.embedding!.replaceRows((0..<config.vocabularySize).map { Int32($0) }, with: entry.buffer)
    }

    private func check(_ bits: [String: AlignedBuffer]) throws {
        try forEachMap { matrix, _, part in
            guard let mask = bits[part.name] else { return }
            try Self.check(mask, of: part.name, count: part.rows.count * matrix.columns)
        }
        for vector in blockVectors {
            guard let mask = bits[vector.name] else { continue }
            try Self.check(mask, of: vector.name, count: vector.count)
        }
    }
}
