import ArgumentParser
import Attribution
import Checkpoint
import FineTuning
import Foundation
import Linalg
import Tensors
import Transformer

/// Useful FLOP/s of every kind of work over the machine's own SGEMM rate, all measured in one run.
struct ComputeBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compute", abstract: "Speeds side by side: SGEMM, forward, SNIP, fine-tuning, decoding.")

    @Option(help: "A Hugging Face folder or GGUF file.") var model: String
    @Option(help: "Compute threads.") var threads = 2
    @Option(help: "Rounds; the median is printed.") var rounds = 5
    @Option(help: "Sequences in the batch.") var sequences = 20
    @Option(help: "Tokens in a sequence; the last half is the response.") var length = 100
    @Option(help: "Decode slots.") var slots = 48
    @Option(help: "Write the batch's token ids here (JSON lines), for scripts/bench/pytorch.py.") var tokensOut: String?

    func run() throws {
        // What a worker with 8 GiB to spare keeps (TransformerEngine).
        BufferPool.setLimit(2 << 30)
        // What a worker with 8 GiB to spare keeps (TransformerEngine).
        BufferPool.setLimit(2 << 30)
        let source = try Checkpoint.open(model)
        let config = source.config
        let pool = ThreadPool(threads: threads)
        let stage = try Stage(source: source, layers: 0..<config.layerCount, first: true, last: true, pool: pool)
        let examples = (0..<sequences).map { s in
            (0..<length).map { Int32((s * 7919 + $0 * 104_729 + 13) % min(config.vocabularySize, 30_000)) }
        }
        let from = length / 2
        let batch = try PackedBatch(examples.map { ($0, from, nil) })
        if let tokensOut { try write(examples, from: from, to: tokensOut) }
        let x = try stage.embedding!.rows(batch.tokens)
        let rows = batch.rowCount
        let targets = batch.targets.count
        let linear =
            LinearMap.allCases.reduce(0) { $0 + $1.shape(in: config).rows * $1.shape(in: config).columns }
            * config.layerCount
        let head = config.vocabularySize * config.hiddenSize
        let forward = 2.0 * (Double(linear) * Double(rows) + Double(head) * Double(targets))

        let snipPool = SNIP(config, pool: pool)
        var trainer: Trainer?

        let work: [(name: String, flop: Double, body: () throws -> Void)] = [
            (
                "sgemm [2016 x d] x [f x d]",
                2.0 * 2016 * Double(config.hiddenSize) * Double(config.intermediateSize) * 8,
                {
                    try self.sgemm(pool, config)
                }
            ),
            (
                "scoring forward", forward,
                {
                    let y = try stage.forward(x, batch: batch)
                    _ = try stage.head!.logProbabilities(y, batch: batch)
                }
            ),
            (
                "SNIP (forward, backward, abs)", forward * 2 + 2 * Double(linear) * Double(rows),
                {
                    var tape = Stage.Tape()
                    let y = try stage.forward(x, batch: batch, tape: &tape, keep: true)
                    let (_, dy) = try stage.head!.lossGradient(
                        y, batch: batch,
                        weights: Array(repeating: 1 / Float(self.length - from), count: self.sequences),
                        tap: snipPool, headGradient: nil)
                    _ = try stage.backward(dy, tape: &tape, batch: batch, tap: snipPool)
                }
            ),
            (
                "fine-tuning step (linear maps)", forward * 2 + 2 * Double(linear) * Double(rows),
                {
                    let own = try trainer ?? Trainer(stage, pool: pool, all: false, frozen: [:])
                    trainer = own
                    var tape = Stage.Tape()
                    let y = try stage.forward(x, batch: batch, tape: &tape, keep: true)
                    let (_, dy) = try stage.head!.lossGradient(
                        y, batch: batch, weights: Array(repeating: 1 / Float(targets), count: self.sequences), tap: own,
                        headGradient: nil)
                    _ = try stage.backward(dy, tape: &tape, batch: batch, tap: own)
                    own.update(.init(learningRate: 1e-9, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0))
                }
            ),
            (
                "batched decoding (\(slots) slots)", 2.0 * Double(linear + head) * Double(slots) * 16,
                {
                    try self.decode(stage, examples)
                }
            ),
        ]
        var times = [[Double]](repeating: [], count: work.count)
        for round in 0...rounds {
            for (i, item) in work.enumerated() {
                let start = ContinuousClock.now
                try item.body()
                let elapsed = start.duration(to: .now)
                if round > 0 {
                    times[i].append(Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) * 1e-18)
                }
            }
        }
        print(
            "\(model), \(threads) threads, \(sequences) sequences of \(length) tokens (\(length - from) scored), medians of \(rounds)"
        )
        let rates = zip(work, times).map { $0.flop / median($1) / 1e9 }
        for (i, item) in work.enumerated() {
            let ratios = zip(times[i], times[0]).map { (item.flop / $0) / (work[0].flop / $1) }
            print(
                item.name.padding(toLength: 36, withPad: " ", startingAt: 0)
                    + String(
                        format: "%8.1f GFLOP/s   %5.2f of SGEMM   %7.3f s", rates[i], median(ratios), median(times[i])))
        }
        print(String(format: "peak memory %.0f MiB", peakMiB()))
    }

    private func sgemm(_ pool: ThreadPool, _ config: ModelConfig) throws {
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

    private func decode(_ stage: Stage, _ examples: [[Int32]]) throws {
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

    private func write(_ examples: [[Int32]], from: Int, to path: String) throws {
        let lines = examples.map { "{\"tokens\": \($0), \"scored_from\": \(from)}" }
        try (lines.joined(separator: "\n") + "\n").write(toFile: path, atomically: true, encoding: .utf8)
    }

    private func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }

    private func peakMiB() -> Double {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return Double(usage.ru_maxrss) / 1024
    }
}
