import Checkpoint
import FleetIO
import Foundation
import Protocol
import Scheduling
import Selection
import Tensors
import TestSupport
import Testing

/// Real worker processes with the real engine on a tiny model: whatever the fleet's shape and whoever dies, the bytes of
/// scores, answers and trained weights are the same.
@Suite(.serialized) struct EndToEndTests {
    struct Shape: CustomStringConvertible, Sendable {
        var workers: Int
        var pipelines: Int
        var threads = 1
        var level = KernelLevel.highest
        var description: String {
            "\(workers) workers, \(pipelines) pipelines, \(threads) threads, \(level)"
        }
    }

    private static let model =
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().path
        + "/ModelFixtures/Fixtures/qwen2"

    /// A few examples a batch, more blocks than any fleet here has pipelines.
    private static func blocks(ofBatches count: Int) -> [[Batch]] {
        (0..<12).map { block in
            (0..<count).map { batch in
                Batch(
                    sequences: (0..<3).map { example in
                        let seed = block * 31 + batch * 7 + example
                        return TokenSequence(
                            tokens: (0..<20 + seed % 9).map { Int32((seed * 17 + $0 * 29) % 71) }, scoredFrom: 9)
                    })
            }
        }
    }

    private static let blocks = blocks(ofBatches: 2)
    /// Long enough (about a second each) that one is under way whenever a worker is killed.
    private static let longBlocks = blocks(ofBatches: 200)

    private static let worker = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        .deletingLastPathComponent().appendingPathComponent("faultline-worker").path

    /// - Parameter program: in place of `faultline-worker`.
    private func withFleet<R>(
        _ shape: Shape, program: String = Self.worker, _ body: (Fleet, String) throws -> R
    ) throws -> R {
        let scratch = TemporaryFolder()
        var settings = FleetSettings(runDirectory: scratch.file("run"))
        settings.localWorkers = shape.workers
        settings.pipelines = shape.pipelines
        settings.threadsPerWorker = shape.threads
        settings.memoryPerWorker = 0.5
        settings.workerExecutable = program
        settings.level = shape.level
        let fleet = try Fleet(settings)
        defer { fleet.shutdown() }
        let layers = try Checkpoint.open(Self.model).config.layerCount
        try fleet.use(
            model: ModelPlan(
                path: Self.model, layerBytes: Array(repeating: 1000, count: layers),
                layerCost: Array(repeating: 1, count: layers)))
        return try body(fleet, scratch.file("folded.safetensors"))
    }

    /// Folded scores of all blocks; `killing`: after the first commit a worker with a block under way is killed.
    private func scores(
        _ shape: Shape, blocks: [[Batch]] = Self.blocks, killing: Bool = false, program: String = Self.worker
    ) throws -> [UInt8] {
        try withFleet(shape, program: program) { fleet, path in
            var partials: [[any Partial]] = []
            var contributors: Set<String> = []
            try fleet.run(
                blocks.map {
                    FleetTask(
                        body: .score(statistics: [.absoluteGradient(.mean), .inputSquares], batches: $0), cost: 1)
                }, label: "scores"
            ) { task, results in
                if killing, task == 0 {
                    // By its fleet's own account: other suites have workers of their own.
                    let victim = try #require(Self.busyWorker(of: fleet), "no block was under way")
                    #expect(kill(victim.pid, SIGKILL) == 0)
                }
                contributors.formUnion(results.map(\.worker))
                partials.append(
                    try results.map { BundlePartial(try $0.load(), label: "block \(task) stage \($0.stage)") })
            }
            #expect(partials.count == blocks.count)
            // The model has two layers: of three workers in one pipeline the third is a spare.
            let seated = min(shape.workers, 2 * shape.pipelines)
            #expect(killing ? contributors.count >= 1 : contributors.count == seated, "\(contributors)")
            try Fold.fold(blocks: partials, to: path)
            return [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        }
    }

    /// The fleet's account of itself is a fifth of a second old at most: it may have to be asked again.
    private static func busyWorker(of fleet: Fleet) -> FleetProgress.Worker? {
        eventually(within: 5) { fleet.progress.workers.last { !$0.running.isEmpty } }
    }

    /// At every kernel level that this machine has. Where it is not the highest, the workers start themselves again.
    @Test(arguments: KernelLevel.allCases.filter { $0 <= .highest })
    func anyFleetGivesTheSameScores(level: KernelLevel) throws {
        let golden = try scores(Shape(workers: 1, pipelines: 1, level: level))
        for shape in [
            Shape(workers: 1, pipelines: 1, threads: 2, level: level), Shape(workers: 2, pipelines: 1, level: level),
            Shape(workers: 2, pipelines: 2, level: level),
            Shape(workers: 3, pipelines: 3, threads: 2, level: level),
            Shape(workers: 3, pipelines: 2, level: level),
        ] { #expect(try scores(shape) == golden, "\(shape)") }
    }

    /// What the environment says to the libraries changes no byte.
    @Test(arguments: [
        "OPENBLAS_CORETYPE=Prescott", "OPENBLAS_NUM_THREADS=2 OMP_NUM_THREADS=2",
        "GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX2,-FMA", "DNNL_MAX_CPU_ISA=SSE41 ONEDNN_DEFAULT_FPMATH_MODE=ANY",
    ])
    func theEnvironmentChangesNoByte(settings: String) throws {
        let scratch = TemporaryFolder()
        let program = scratch.write("#!/bin/sh\n\(settings) exec \(Self.worker) \"$@\"\n", to: "worker.sh")
        chmod(program, 0o755)
        let shape = Shape(workers: 2, pipelines: 2)
        #expect(try scores(shape, program: program) == scores(shape), "\(settings)")
    }

    /// kill -9 in the middle of scoring: the run ends by itself with the same bytes.
    @Test(arguments: [
        Shape(workers: 3, pipelines: 3), Shape(workers: 3, pipelines: 1), Shape(workers: 2, pipelines: 1),
    ])
    func aKilledWorkerChangesNoByte(_ shape: Shape) throws {
        var shape = shape
        // Two layers make two stages at most; the third worker is a spare.
        let golden = try scores(Shape(workers: 1, pipelines: 1), blocks: Self.longBlocks)
        #expect(try scores(shape, blocks: Self.longBlocks, killing: true) == golden)
        shape.threads = 2
        #expect(try scores(shape, blocks: Self.longBlocks, killing: true) == golden)
    }

    @Test func answersAndTrainedWeightsAreTheSameToo() throws {
        let prompts = Self.blocks[0][0].sequences.map { Array($0.tokens.prefix(8)) }
        let generation = TaskBody.Generation(
            prompts: prompts, slots: 2, maxNewTokens: 9, stopTokens: [5], temperature: 0.8, seed: 3, streams: [1, 2, 3])
        let training = TaskBody.Training(
            steps: Self.blocks.prefix(3).map { $0 }, firstStep: 0, parameters: .all, learningRate: 1e-3)
        func outcome(_ shape: Shape) throws -> [String: [UInt8]] {
            try withFleet(shape) { fleet, _ in
                var all: [String: [UInt8]] = [:]
                try fleet.run([FleetTask(body: .generate(generation), cost: 1)], label: "answers") { _, results in
                    for entry in try results.first!.load().entries { all[entry.name] = entry.buffer.byteArray() }
                }
                try fleet.run([FleetTask(body: .train(training), cost: 1, sequence: 0)], label: "training") { _, _ in }
                try fleet.run([FleetTask(body: .export, cost: 1)], label: "weights") { _, results in
                    for entry in try results.flatMap({ try $0.load().entries }) {
                        all[entry.name] = entry.buffer.byteArray()
                    }
                }
                return all
            }
        }
        let golden = try outcome(Shape(workers: 1, pipelines: 1))
        #expect(golden.count > 20)
        for shape in [Shape(workers: 1, pipelines: 1, threads: 2), Shape(workers: 2, pipelines: 1)] {
            #expect(try outcome(shape) == golden, "\(shape)")
        }
    }

    @Test func headOutputsAreTheSameToo() throws {
        let batches = Self.blocks.flatMap { $0 }
        func outcome(_ shape: Shape) throws -> [UInt8] {
            try withFleet(shape) { fleet, path in
                var blocks: [[any Partial]] = []
                try fleet.run(
                    batches.map { FleetTask(body: .score(statistics: [.headOutput], batches: [$0]), cost: 1) },
                    label: "head outputs"
                ) { _, results in
                    blocks.append(try results.map { BundlePartial(try $0.load(), label: "stage \($0.stage)") })
                }
                try Concatenation.write(blocks, to: path)
                return [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
            }
        }
        let golden = try outcome(Shape(workers: 1, pipelines: 1))
        for shape in [
            Shape(workers: 1, pipelines: 1, threads: 2), Shape(workers: 2, pipelines: 1),
            Shape(workers: 3, pipelines: 3), Shape(workers: 3, pipelines: 2),
        ] { #expect(try outcome(shape) == golden, "\(shape)") }
    }
}
