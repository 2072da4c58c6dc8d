import Checkpoint
import Contracts
import DecoderEngine
import Evaluation
import FleetBackend
import FleetIO
import FleetSupport
import Foundation
import ModelService
import Protocol
import Reporting
import Scheduling
import Selection
import Stages
import Synchronization
import Tensors
import TestSupport
import Testing
import WorkerIO

/// A worker that sends other results than were asked for is left out by name, and the others finish.
@Suite(.serialized, .timeLimit(.minutes(3))) struct LyingWorkerTests {
    /// What is done to a result.
    enum Lie: String, CaseIterable, Sendable {
        case nothing, missing, more, renamed, reshaped, notANumber, infinite, outOfRange

        func tell(_ bundle: TensorBundle) -> TensorBundle {
            guard let first = bundle.entries.first else { return bundle }
            var bundle = bundle
            switch self {
            case .nothing: bundle.entries = []
            case .missing: bundle.entries.removeFirst()
            case .more:
                bundle.entries.append(.init(name: "more", type: .u8, shape: [0], buffer: AlignedBuffer(byteCount: 0)))
            case .renamed:
                bundle.entries[0] = .init(
                    name: "x" + first.name, type: first.type, shape: first.shape, buffer: first.buffer)
            case .reshaped:
                bundle.entries[0] = .init(
                    name: first.name, type: first.type, shape: [1] + first.shape, buffer: first.buffer)
            case .notANumber: bundle.entries[0] = Self.with(first, .nan)
            case .infinite: bundle.entries[0] = Self.with(first, -.infinity)
            case .outOfRange: bundle.entries[0] = Self.with(first, -1e9)
            }
            return bundle
        }

        private static func with(_ entry: TensorBundle.Entry, _ value: Double) -> TensorBundle.Entry {
            let copy = AlignedBuffer(byteCount: entry.buffer.byteCount)
            copy.address.copyMemory(from: entry.buffer.address, byteCount: copy.byteCount)
            switch entry.type {
            case .f64: copy.bytes.storeBytes(of: value, as: Double.self)
            case .i32: copy.bytes.storeBytes(of: -7, as: Int32.self)
            default: copy.bytes.storeBytes(of: Float(value), as: Float.self)
            }
            return .init(name: entry.name, type: entry.type, shape: entry.shape, buffer: copy)
        }
    }

    /// The real engine, or one of tests, with another result.
    private final class LyingEngine: StageEngine {
        private let engine: any StageEngine
        private let lie: Lie

        init(_ engine: any StageEngine, _ lie: Lie) { (self.engine, self.lie) = (engine, lie) }

        func load(_ assignment: StageAssignment) throws { try engine.load(assignment) }
        func apply(edit: TensorBundle?) throws { try engine.apply(edit: edit) }
        func begin(task: UInt64, body: TaskBody) throws -> [StageOutput] {
            try engine.begin(task: task, body: body).map(bend)
        }
        func receive(_ packet: Packet) throws -> [StageOutput] { try engine.receive(packet).map(bend) }
        func abort(task: UInt64) { engine.abort(task: task) }

        private func bend(_ output: StageOutput) -> StageOutput {
            guard case .result(let task, let bundle) = output else { return output }
            return .result(task: task, lie.tell(bundle))
        }
    }

    private static func engine(_ lie: Lie?) -> any StageEngine {
        let engine = TransformerEngine(memoryBytes: 1 << 30) { try Checkpoint.open($0) }
        return lie.map { LyingEngine(engine, $0) } ?? engine
    }

    private static let batches = (0..<8).map { index in
        Batch(
            sequences: (0..<3).map { row in
                TokenSequence(tokens: (0..<16).map { Int32(3 + (index + row + $0) % 26) }, scoredFrom: 6)
            })
    }

    /// Everything that a study asks of a model, in bytes.
    private static func work(_ runner: FleetRunner, _ folder: String) async throws -> [String: [UInt8]] {
        try await runner.apply(nil)
        let request = ScoreRequest(
            name: "s", statistics: [.absoluteGradient(.mean), .inputSquares], blocks: batches.map { [$0] },
            output: "\(folder)/scores")
        try await runner.score([request], label: "scoring")
        let scores = try await runner.likelihood(batches, label: "likelihood")
        let rows = try await runner.nextTokens(batches, label: "next tokens")
        let distances = try await runner.divergence(
            batches.reversed(), from: NextTokenReference(rows), epsilon: 0, label: "divergence")
        let answers = try await runner.generate(
            (0..<6).map {
                .init(
                    prompts: [[3, 4, Int32(5 + $0)], [Int32(7 + $0)]], slots: 2, maxNewTokens: 6, stopTokens: [2],
                    temperature: 0, seed: 1, streams: [1, 2])
            }, label: "answers")
        let heads = ScoreRequest(
            name: "h", statistics: [.headOutput], blocks: batches.map { [$0] }, output: "\(folder)/heads")
        try await runner.score([heads], label: "heads")
        var all = [
            "next tokens": rows.flatMap { $0 }.flatMap { withUnsafeBytes(of: $0) { Array($0) } },
            "divergence": distances.flatMap { withUnsafeBytes(of: $0) { Array($0) } },
            "likelihood": scores.flatMap(\.logProbabilities).flatMap { withUnsafeBytes(of: $0) { Array($0) } },
            "answers": answers.flatMap { $0 }.flatMap { withUnsafeBytes(of: $0) { Array($0) } },
        ]
        for name in ["scores", "heads"] {
            all[name] = [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(name)")))
        }
        return all
    }

    private static func outcome(_ lies: [Lie?], _ check: (TestFleet, [Int: WorkerEnd]) -> Void = { _, _ in })
        async throws
        -> [String: [UInt8]]
    {
        let test = try TestFleet(workers: lies.count, pipelines: lies.count) { index, _ in engine(lies[index]) }
        let runner = FleetRunner(
            fleet: test.fleet, checkpoint: try Checkpoint.open(TinyModel.fixture),
            progress: ProgressLine(isTerminal: false, now: { 0 }, write: { _ in }))
        do {
            let bytes = try await work(runner, test.folder)
            await runner.shutdown()
            check(test, test.close())
            return bytes
        } catch {
            await runner.shutdown()
            check(test, test.close())
            throw error
        }
    }

    private actor Golden {
        static let shared = Golden()
        private var bytes: [String: [UInt8]]?
        func get() async throws -> [String: [UInt8]] {
            if let bytes { return bytes }
            let bytes = try await outcome([nil])
            self.bytes = bytes
            return bytes
        }
    }

    @Test(arguments: Lie.allCases) func theOthersFinishWithTheSameBytes(lie: Lie) async throws {
        let golden = try await Golden.shared.get()
        let bytes = try await Self.outcome([nil, lie, nil]) { test, ends in
            guard case .refused(let reason) = ends[1] else {
                Issue.record("w1 ended \(String(describing: ends[1]))")
                return
            }
            #expect(reason.hasPrefix("this run has left w1 out: it sent no result of "), "\(reason)")
            #expect([0, 2].allSatisfy { if case .goodbye? = ends[$0] { true } else { false } }, "\(ends)")
            #expect(test.story.losses.contains { if case .leftOut = $0 { true } else { false } })
            #expect(test.story.has(.lost, worker: "w1") && test.story.has(.refused, worker: "w1"))
        }
        #expect(bytes == golden)
    }

    /// Where all lie, there is one line, which says that they lie alike.
    @Test func whereNobodyIsLeftTheRunEnds() async throws {
        let error = await #expect(throws: FleetError.self) { try await Self.outcome([.notANumber, .notANumber]) }
        let line = error?.description ?? ""
        #expect(line.hasPrefix("no worker is left (w") && line.contains("is nan"), "\(line)")
        #expect(line.contains("had sent the like, so the model or the data may be broken"), "\(line)")
        #expect(!line.contains("\n"))
    }

    /// Results that travel in pieces are judged as they come; what is there of them does not stay.
    @Test(arguments: [Lie.nothing, .renamed, .notANumber, .infinite]) func largeResultsAreJudgedToo(lie: Lie)
        async throws
    {
        let floats = 900_000
        let contract = TaskContract { layers in
            var contract = ResultContract(
                layers.map {
                    .init("model.layers.\($0).x", .f32, [floats], ValueRange(0, 1e9))
                })
            contract.tensors.append(.init("edit.0", .f32, [1], .finite))
            return contract
        }
        func results(_ lies: [Lie?]) throws -> ([String: [Float]], [Int: WorkerEnd]) {
            let test = try TestFleet(workers: lies.count, pipelines: lies.count) { index, _ in
                let engine = FakeEngine(resultFloats: floats)
                return lies[index].map { LyingEngine(engine, $0) } ?? engine
            }
            try test.fleet.use(model: Fake.model())
            let tasks = Fake.tasks(6).map { task in
                var task = task
                task.contract = contract
                return task
            }
            let all = try Fake.run(test.fleet, tasks)
            // A second attempt at a task may still be on its way when the first one ends the run.
            let incoming = test.folder + "/partials/incoming"
            #expect(try eventually { try FileManager.default.contentsOfDirectory(atPath: incoming).isEmpty })
            return (all, test.close())
        }
        let (bytes, ends) = try results([nil, lie])
        #expect(try bytes == results([nil]).0)
        guard case .refused = ends[1] else {
            Issue.record("w1 ended \(String(describing: ends[1]))")
            return
        }
    }
}
