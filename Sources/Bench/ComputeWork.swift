import Attribution
import Checkpoint
import FineTuning
import Foundation
import Linalg
import Tensors
import Transformer

/// The kinds of work that `compute` measures, on one model and one batch of sequences of equal length.
final class ComputeWork {
    /// One kind of work; `flop` are the useful ones of a call of `body`.
    struct Item {
        var name: String
        var flop: Double
        var body: () throws -> Void
    }

    /// Token ids of every sequence.
    let examples: [[Int32]]
    private let config: ModelConfig
    private let pool: ThreadPool
    private let stage: Stage
    private let batch: PackedBatch
    private let slots: Int
    /// Tokens of a sequence that are scored.
    private let scored: Int
    private let embedded: AlignedBuffer
    private let snip: SNIP
    /// Made by the first fine-tuning step, for it takes memory that the work before it does not.
    private var trainer: Trainer?

    /// - Parameter from: the first token of a sequence that is scored.
    /// - Throws: `CheckpointError` or `TensorFileError` where the model cannot be read.
    init(
        _ source: Checkpoint, pool: ThreadPool, sequences: Int, length: Int, from: Int, slots: Int
    ) throws {
        (self.pool, self.slots, scored) = (pool, slots, length - from)
        config = source.config
        let vocabulary = min(config.vocabularySize, 30_000)
        stage = try Stage(source: source, layers: 0..<config.layerCount, first: true, last: true, pool: pool)
        examples = (0..<sequences).map { s in
            (0..<length).map { Int32((s * 7919 + $0 * 104_729 + 13) % vocabulary) }
        }
        batch = try PackedBatch(examples.map { ($0, from, nil) })
        embedded = try stage.embedding!.rows(batch.tokens)
        snip = SNIP(config, pool: pool)
    }

    /// In the order in which they are measured; the first one is what the others are compared with.
    var items: [Item] {
        let linear =
            LinearMap.allCases.reduce(0) { $0 + $1.shape(in: config).rows * $1.shape(in: config).columns }
            * config.layerCount
        let head = config.vocabularySize * config.hiddenSize
        let forward = 2.0 * (Double(linear) * Double(batch.rowCount) + Double(head) * Double(batch.targets.count))
        let backward = forward + 2 * Double(linear) * Double(batch.rowCount)
        return [
            Item(
                name: "sgemm [2016 x d] x [f x d]",
                flop: 2.0 * 2016 * Double(config.hiddenSize) * Double(config.intermediateSize) * 8, body: sgemm),
            Item(name: "scoring forward", flop: forward, body: score),
            Item(name: "SNIP (forward, backward, abs)", flop: forward + backward, body: attribute),
            Item(name: "fine-tuning step (linear maps)", flop: forward + backward, body: train),
            Item(
                name: "batched decoding (\(slots) slots)", flop: 2.0 * Double(linear + head) * Double(slots) * 16,
                body: decode),
        ]
    }

    private func score() throws {
        // As a worker does; the first round, which warms up, packs.
        stage.packsWeights = true
        let y = try stage.forward(embedded, batch: batch)
        _ = try stage.head!.logProbabilities(y, batch: batch)
    }

    private func attribute() throws {
        stage.packsWeights = false
        var tape = Stage.Tape()
        let y = try stage.forward(embedded, batch: batch, tape: &tape, keep: true)
        let (_, dy) = try stage.head!.lossGradient(
            y, batch: batch, weights: Array(repeating: 1 / Float(scored), count: examples.count), tap: snip,
            headGradient: nil)
        _ = try stage.backward(dy, tape: &tape, batch: batch, tap: snip)
    }

    private func train() throws {
        stage.packsWeights = false
        let own = try trainer ?? Trainer(stage, pool: pool, all: false, frozen: [:])
        trainer = own
        var tape = Stage.Tape()
        let y = try stage.forward(embedded, batch: batch, tape: &tape, keep: true)
        let (_, dy) = try stage.head!.lossGradient(
            y, batch: batch, weights: Array(repeating: 1 / Float(batch.targets.count), count: examples.count),
            tap: own, headGradient: nil)
        _ = try stage.backward(dy, tape: &tape, batch: batch, tap: own)
        try own.update(.init(learningRate: 1e-9, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0))
    }

    private func sgemm() throws {
        let (m, n, k) = (2016, config.intermediateSize, config.hiddenSize)
        let a = AlignedBuffer(floats: m * k)
        let b = AlignedBuffer(floats: n * k)
        let c = AlignedBuffer(floats: m * n)
        for i in 0..<m * k { a.floats[i] = Float(i % 17) * 0.1 - 0.8 }
        for i in 0..<n * k { b.floats[i] = Float(i % 13) * 0.1 - 0.6 }
        for _ in 0..<8 {
            GEMM.linear(
                pool, y: c.floats.baseAddress!, ldy: n, x: a.floats.baseAddress!, ldx: k, w: b.floats.baseAddress!,
                rows: m,
                outputs: n, inputs: k)
        }
    }

    private func decode() throws {
        stage.packsWeights = true
        let prompts = (0..<slots).map { Array(examples[$0 % examples.count].prefix(8)) }
        let cache = KeyValueCache(stage.config, layers: stage.layers.count, slots: slots, capacity: 8 + 17)
        let slotList = Array(0..<slots)
        let batch = try PackedBatch(prompts.map { ($0, $0.count, nil) })
        _ = try stage.prefill(stage.embedding!.rows(batch.tokens), batch: batch, slots: slotList, cache: cache)
        for _ in 0..<16 {
            let step = DecodeBatch.make(
                tokens: prompts.map { $0[0] }, positions: slotList.map { cache.lengths[$0] })
            let y = try stage.decode(stage.embedding!.rows(step.tokens), batch: step, slots: slotList, cache: cache)
            try stage.head!.forEachLogits(y, rows: slotList) { _, _, _ in }
        }
    }
}
