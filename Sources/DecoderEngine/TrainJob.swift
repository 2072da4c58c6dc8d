import Checkpoint
import FineTuning
import Protocol
import Stages
import Tensors
import Transformer

/// Consecutive optimiser steps. Micro-batches flow forward and back; each stage updates its own parameters when the last
/// micro-batch of a step has passed back through it. The last stage's result holds `losses` F32 [steps].
///
/// A tied embedding is owned by the last stage, which holds it as LM head. The first stage sends it the gradient of the
/// embedding rows a step used (`.rowGradient`) and gets back the rows the next step will use (`.freshRows`). At the end of
/// a task it gets every row that has moved (`.allRows`, closed by `.rowsEnd`), because whatever comes next may look up any;
/// until then no stage but the last is done, for the others pass these packets on.
final class TrainJob: StageJob {
    private enum Kind: UInt8 { case activations, rowGradient, freshRows, allRows, rowsEnd }

    private let task: UInt64
    private let context: StageContext
    private let training: TaskBody.Training
    private let trainer: Trainer
    /// First micro-batch of each step, and the count of all.
    private let starts: [Int]
    private var tapes: [Int: (batch: PackedBatch, tape: Stage.Tape)] = [:]
    private var losses: [Float] = []
    /// Embedding rows' gradients of the step under way, in micro-batch and row order.
    private var embeddingTokens: [Int32] = []
    private var embeddingGradients: [AlignedBuffer] = []
    private var awaitsRows = false
    private var stalled: [Packet] = []
    private var done = 0

    private var trainsAll: Bool { training.parameters == .all }
    private var tied: Bool { trainsAll && context.config.tiedEmbeddings }
    /// The tied matrix lives in another stage than the embedding's lookups.
    private var split: Bool { tied && context.assignment.stageCount > 1 }

    init(_ task: UInt64, _ context: StageContext, _ training: TaskBody.Training) throws {
        self.task = task
        self.context = context
        self.training = training
        var starts = [0]
        for step in training.steps { starts.append(starts.last! + step.count) }
        self.starts = starts
        guard context.resident else { throw EngineError.trainingNeedsMemory }
        if training.firstStep == 0 {
            if context.hasTrained { try context.stage.reload() }
            if training.parameters == .all, context.isFirst { try context.stage.holdEmbedding() }
            context.hasTrained = true
            context.trainer = try context.makeTrainer(training.parameters, training.lora)
            context.nextStep = 0
        }
        guard let trainer = context.trainer, !trainer.isFinal, context.nextStep == training.firstStep else {
            throw EngineError.outOfOrder(step: training.firstStep)
        }
        self.trainer = trainer
    }

    func begin() throws -> [StageOutput] {
        training.steps.isEmpty ? [result()] : []
    }

    func receive(_ packet: Packet) throws -> [StageOutput] {
        switch (packet.direction, Kind(rawValue: packet.kind)) {
        case (.backward, .activations): return try backward(packet)
        case (_, .rowGradient): return try takeRowGradient(packet)
        case (_, .freshRows), (_, .allRows), (_, .rowsEnd): return try takeFreshRows(packet)
        default:
            guard !awaitsRows else {
                stalled.append(packet)
                return []
            }
            return try forward(packet)
        }
    }

    private func step(of index: Int) -> Int { starts.lastIndex { $0 <= index }! }

    private func batch(_ index: Int) -> Batch {
        let step = step(of: index)
        return training.steps[step][index - starts[step]]
    }

    private func forward(_ packet: Packet) throws -> [StageOutput] {
        let index = packet.index
        let batch = try context.pack(batch(index))
        let x = try context.input(packet, batch: batch)
        var tape = Stage.Tape()
        let keep = context.memory.keepsActivations(
            tokens: batch.rowCount, stages: context.assignment.stageCount,
            training.lora == nil ? .training : .lowRankTraining)
        let y = try context.stage.forward(x, batch: batch, tape: &tape, keep: keep)
        guard let head = context.stage.head else {
            tapes[index] = (batch, tape)
            return [.packet(Packet(task: task, direction: .forward, index: index, payload: y))]
        }
        let (values, dy) = try head.lossGradient(
            y, batch: batch, weights: weights(batch, index: index), tap: trainer,
            headGradient: trainer.head?.gradient.floats.baseAddress)
        let step = step(of: index)
        if losses.count == step { losses.append(0) }
        for value in values {
            guard value.isFinite else { throw StageError.notFinite("the loss at step \(training.firstStep + step)") }
            losses[step] += Float(value)
        }
        return try finish(index, batch, &tape, dy)
    }

    private func backward(_ packet: Packet) throws -> [StageOutput] {
        guard let entry = tapes.removeValue(forKey: packet.index), let dy = packet.payload else {
            throw StageError.badBatch("a gradient came for micro-batch \(packet.index), which is not in flight")
        }
        var tape = entry.tape
        return try finish(packet.index, entry.batch, &tape, dy)
    }

    private func finish(_ index: Int, _ batch: PackedBatch, _ tape: inout Stage.Tape, _ dy: AlignedBuffer) throws
        -> [StageOutput]
    {
        let dx = try context.stage.backward(dy, tape: &tape, batch: batch, tap: trainer)
        var outputs: [StageOutput] = []
        if !context.isFirst {
            outputs.append(.packet(Packet(task: task, direction: .backward, index: index, payload: dx)))
        } else if trainsAll {
            embeddingTokens += batch.tokens
            embeddingGradients.append(dx)
        }
        let step = step(of: index)
        guard index + 1 == starts[step + 1] else {
            done += 1
            return outputs + [.retired(task: task, index: index)]
        }
        // The step's last micro-batch has passed.
        if trainsAll, context.isFirst {
            let (tokens, rows) = gatheredRows()
            if split {
                outputs.append(
                    .packet(
                        Packet(
                            task: task, direction: .forward, index: index, kind: Kind.rowGradient.rawValue,
                            integers: tokens, payload: rows)))
                awaitsRows = true
            } else {
                trainer.addEmbeddingGradient(rows.floats.baseAddress!, tokens: tokens)
            }
        }
        // A split tied head waits for the embedding's share.
        if split, context.isLast { return outputs }
        return outputs + (try update(index))
    }

    private func update(_ index: Int) throws -> [StageOutput] {
        try trainer.update(
            .init(
                learningRate: training.learningRate, beta1: training.beta1, beta2: training.beta2,
                epsilon: training.epsilon, weightDecay: training.weightDecay))
        context.nextStep += 1
        done += 1
        let isOver = done == starts.last! && (!split || context.isLast)
        return [.retired(task: task, index: index)] + (isOver ? [result()] : [])
    }

    /// The step's embedding gradient summed per token, tokens ascending.
    private func gatheredRows() -> ([Int32], AlignedBuffer) {
        let width = context.config.hiddenSize
        let tokens = Array(Set(embeddingTokens)).sorted()
        let place = Dictionary(uniqueKeysWithValues: tokens.enumerated().map { ($1, $0) })
        let sums = AlignedBuffer(floats: tokens.count * width)
        var row = 0
        for buffer in embeddingGradients {
            for local in 0..<buffer.byteCount / 4 / width {
                let at = place[embeddingTokens[row]]! * width
                for j in 0..<width { sums.floats[at + j] += buffer.floats[local * width + j] }
                row += 1
            }
        }
        embeddingTokens = []
        embeddingGradients = []
        return (tokens, sums)
    }

    private func takeRowGradient(_ packet: Packet) throws -> [StageOutput] {
        guard context.isLast else { return [.packet(passOn(packet))] }
        guard let rows = packet.payload else { throw StageError.badBatch("an embedding gradient without rows") }
        trainer.addEmbeddingGradient(rows.floats.baseAddress!, tokens: packet.integers)
        let step = step(of: packet.index)
        let fresh = try update(packet.index)
        return (step + 1 < training.steps.count ? [freshRows(step: step + 1)] : allRows()) + fresh
    }

    private func takeFreshRows(_ packet: Packet) throws -> [StageOutput] {
        let closes = packet.kind == Kind.rowsEnd.rawValue
        guard context.isFirst else { return [.packet(passOn(packet))] + (closes ? [result()] : []) }
        if closes { return [result()] }
        guard let rows = packet.payload else { throw StageError.badBatch("embedding rows without values") }
        context.stage.embedding!.replaceRows(packet.integers, with: rows)
        guard packet.kind == Kind.freshRows.rawValue else { return [] }
        awaitsRows = false
        defer { stalled = [] }
        return try stalled.flatMap { try forward($0) }
    }

    /// The rows that step `step` of this task looks up, for the first stage.
    private func freshRows(step: Int) -> StageOutput {
        let tokens = Set(training.steps[step].flatMap { $0.sequences.flatMap(\.tokens) }).sorted()
        return .packet(rows(tokens, .freshRows, index: starts[step]))
    }

    /// All rows that differ from the checkpoint's, in packets of at most 64 MiB.
    private func allRows() -> [StageOutput] {
        let moved = trainer.movedRows(of: trainer.head, width: context.config.hiddenSize)
        let most = max(1, (64 << 20) / (4 * context.config.hiddenSize))
        var outputs = stride(from: 0, to: moved.count, by: most).map {
            StageOutput.packet(rows(Array(moved[$0..<min($0 + most, moved.count)]), .allRows, index: starts.last!))
        }
        let closing = Packet(
            task: task, direction: .backward, index: starts.last!, kind: Kind.rowsEnd.rawValue)
        outputs.append(.packet(closing))
        return outputs
    }

    private func rows(_ tokens: [Int32], _ kind: Kind, index: Int) -> Packet {
        let width = context.config.hiddenSize
        let rows = AlignedBuffer(floats: tokens.count * width, zeroed: false)
        let table = context.stage.head!.matrix.resident!
        for (i, token) in tokens.enumerated() {
            (rows.floats.baseAddress! + i * width).update(
                from: table.floats.baseAddress! + Int(token) * width, count: width)
        }
        return Packet(
            task: task, direction: .backward, index: index, kind: kind.rawValue, integers: tokens, payload: rows)
    }

    private func passOn(_ packet: Packet) -> Packet {
        Packet(
            task: task, direction: packet.direction, index: packet.index, kind: packet.kind, integers: packet.integers,
            payload: packet.payload)
    }

    /// Mean over the step's examples of each one's mean over response tokens.
    private func weights(_ batch: PackedBatch, index: Int) -> [Float] {
        let examples = training.steps[step(of: index)].reduce(0) { $0 + $1.sequences.count }
        var counts = [Int](repeating: 0, count: batch.spans.count)
        for target in batch.targets { counts[target.sequence] += 1 }
        return counts.map { 1 / (Float(max(1, $0)) * Float(examples)) }
    }

    private func result() -> StageOutput {
        guard context.isLast else { return .result(task: task, TensorBundle()) }
        return .result(
            task: task,
            TensorBundle(entries: [
                .init(name: ResultName.losses, type: .f32, shape: [losses.count], buffer: AlignedBuffer(losses))
            ]))
    }
}
