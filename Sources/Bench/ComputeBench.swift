import ArgumentParser
import Checkpoint
import DecoderEngine
import Foundation
import Linalg
import Tensors

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

    @Option(help: "Kernel level: \(KernelLevel.names). Default: the one that a worker would take.") var level: String?

    func validate() throws {
        if let level, KernelLevel(rawValue: level) == nil {
            throw ValidationError("--level \(level) is unknown (known: \(KernelLevel.names))")
        }
    }

    func run() throws {
        let level = try ProcessKernels.begin(at: level.flatMap { KernelLevel(rawValue: $0) }) { print($0) }
        // What a worker with 8 GiB to spare keeps (TransformerEngine).
        BufferPool.setLimit(2 << 30)
        let from = length / 2
        let work = try ComputeWork(
            Checkpoint.open(model), pool: ThreadPool(threads: threads), sequences: sequences, length: length,
            from: from, slots: slots)
        if let tokensOut { try write(work.examples, from: from, to: tokensOut) }
        let items = work.items
        var times = [[Double]](repeating: [], count: items.count)
        for round in 0...rounds {
            for (i, item) in items.enumerated() {
                let seconds = try seconds(item.body)
                // The first round warms up.
                if round > 0 { times[i].append(seconds) }
            }
        }
        print(
            "\(model), kernel level \(level), \(threads) threads, \(sequences) sequences of \(length) tokens (\(length - from) scored), medians of \(rounds)"
        )
        for (i, item) in items.enumerated() {
            let rate = item.flop / median(times[i]) / 1e9
            let ratios = zip(times[i], times[0]).map { (item.flop / $0) / (items[0].flop / $1) }
            print(
                item.name.padding(toLength: 36, withPad: " ", startingAt: 0)
                    + String(
                        format: "%8.1f GFLOP/s   %5.2f of SGEMM   %7.3f s", rate, median(ratios), median(times[i])))
        }
        print(String(format: "peak memory %.0f MiB", peakMiB()))
    }

    private func seconds(_ body: () throws -> Void) rethrows -> Double {
        let start = ContinuousClock.now
        try body()
        let elapsed = start.duration(to: .now)
        return Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) * 1e-18
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
