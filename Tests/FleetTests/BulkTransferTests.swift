import FleetIO
import FleetSupport
import Foundation
import Protocol
import Scheduling
import Stages
import Tensors
import TestSupport
import Testing
import Worker
import WorkerIO
import ZeroMQ

/// Large results and edits over a slow wire that breaks.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct BulkTransferTests {
    private static let size = 24 << 20
    private static let chunk = Limits.chunkBytes

    /// A fleet over loopback TCP, its workers behind a proxy.
    private final class SlowFleet: @unchecked Sendable {
        let scratch: TemporaryFolder
        let story = Story()
        private let finished = DispatchSemaphore(value: 0)
        private(set) var proxy: ThrottlingProxy!
        private(set) var fleet: Fleet!
        private var runtimes: [WorkerRuntime] = []
        private var endpoint = ""

        init(
            rate: Double, harms: [(at: Int, harm: ThrottlingProxy.Harm)],
            engine: @escaping @Sendable () -> any StageEngine = { IdleEngine(resultBytes: BulkTransferTests.size) }
        ) throws {
            scratch = TemporaryFolder()
            var settings = FleetSettings(runDirectory: scratch.file("run"))
            settings.listen = "tcp://127.0.0.1:*"
            settings.pipelines = 1
            settings.happened = { [story] in story.hear($0) }
            settings.bound = { [self] endpoint in
                let port = UInt16(endpoint.split(separator: ":").last!)!
                proxy = try? ThrottlingProxy(to: port, rate: rate, harms: harms)
                self.endpoint = endpoint
                join("tcp://127.0.0.1:\(proxy?.port ?? 1)", engine())
            }
            fleet = try Fleet(settings)
            try fleet.use(model: ModelPlan(path: "none", layerBytes: [1], layerCost: [1]))
        }

        private func join(_ endpoint: String, _ engine: any StageEngine) {
            var options = WorkerOptions(connect: endpoint)
            options.dataHost = "127.0.0.1"
            options.name = "w\(runtimes.count)"
            let runtime = WorkerRuntime(options: options, engine: engine)
            runtimes.append(runtime)
            Thread.detachNewThread { [finished] in
                _ = runtime.run()
                finished.signal()
            }
        }

        /// Another worker, on a wire of its own that is neither slow nor cut.
        func addSpare() throws {
            join(endpoint, IdleEngine(resultBytes: BulkTransferTests.size))
            guard eventually({ fleet.progress.workers.count == 2 }) else {
                throw FleetError("no second worker: \(story.all)")
            }
        }

        func close() {
            fleet?.shutdown()
            for runtime in runtimes {
                runtime.post(.vanish)
                _ = finished.wait(timeout: .now() + 20)
            }
            proxy?.close()
        }
    }

    private func results(_ fleet: Fleet, _ count: Int) throws -> [[UInt8]] {
        var all: [[UInt8]] = []
        let task = FleetTask(body: .likelihood(batches: []), cost: 1)
        try fleet.run(Array(repeating: task, count: count), label: "bulk") { _, results in
            all.append(try results[0].load().entries[0].buffer.byteArray())
        }
        return all
    }

    /// What the engine makes of its first tasks.
    private func expected(_ count: Int) throws -> [[UInt8]] {
        let engine = IdleEngine(resultBytes: Self.size)
        return try (0..<count).map { task in
            guard
                case .result(_, let bundle)? = try engine.begin(task: UInt64(task), body: .likelihood(batches: []))
                    .first
            else { return [] }
            return bundle.entries[0].buffer.byteArray()
        }
    }

    @Test func aSlowWireThatIsCutThreeTimesDelaysButLosesNothing() throws {
        let slow = try SlowFleet(
            rate: 12e6, harms: [(Self.size / 4, .cut), (Self.size / 2, .cut), (Self.size * 3 / 4, .cut)])
        defer { slow.close() }
        #expect(try results(slow.fleet, 1) == expected(1))
        #expect(slow.proxy.isDone)
        // A cut costs the chunk that was on its way; once more from the start would be 36 MiB.
        print("\(slow.proxy.count) bytes went over the wire for \(Self.size)")
        #expect(slow.proxy.count < Self.size + 3 * 2 * Self.chunk)
        #expect(!slow.story.has(.lost), "\(slow.story.all)")
        let left = try FileManager.default.contentsOfDirectory(atPath: slow.scratch.file("run/partials/incoming"))
        #expect(left.isEmpty, "\(left)")
    }

    /// The first worker's control connection breaks, too, and does not come back; another takes its task: equal bytes have equal digests.
    @Test func anotherWorkerGoesOnBehindWhatIsThere() throws {
        let slow = try SlowFleet(rate: 12e6, harms: [(Self.size / 2, .cutForGood)])
        defer { slow.close() }
        try slow.addSpare()
        #expect(try results(slow.fleet, 1) == expected(1))
        let continued = slow.story.run.compactMap {
            if case .transferContinued(_, _, let bytes) = $0 { bytes } else { nil }
        }
        let there = try #require(continued.first, "\(slow.story.all)")
        #expect(there > Self.size / 2 - 3 * Self.chunk && there < Self.size, "\(there)")
    }

    /// What came behind it, all of it here, comes again, too: the second is damaged when that is over.
    @Test func aDamagedChunkIsAskedForAgain() throws {
        let slow = try SlowFleet(rate: 60e6, harms: [(1 << 20, .damage), (36 << 20, .damage)])
        defer { slow.close() }
        #expect(try results(slow.fleet, 1) == expected(1))
        #expect(slow.proxy.isDone)
        #expect(slow.story.damagedChunks == 2, "\(slow.story.all)")
    }

    @Test func severalResultsShareTheWire() throws {
        let slow = try SlowFleet(rate: 120e6, harms: [(Self.size, .cut)])
        defer { slow.close() }
        #expect(try results(slow.fleet, 3) == expected(3))
    }

    @Test func anEditSurvivesACut() throws {
        final class Edited: @unchecked Sendable { var sum = 0 }
        let edited = Edited()
        let slow = try SlowFleet(rate: 24e6, harms: [(Self.size / 3, .cut), (Self.size / 2, .cut)]) {
            EditEngine { edited.sum = $0 }
        }
        defer { slow.close() }
        let buffer = AlignedBuffer(byteCount: Self.size)
        for index in 0..<Self.size { buffer.bytes[index] = UInt8(truncatingIfNeeded: index &* 131 &>> 3) }
        let bundle = TensorBundle(entries: [.init(name: "mask", type: .u8, shape: [Self.size], buffer: buffer)])
        try slow.fleet.apply(edit: bundle, name: "mask")
        #expect(slow.proxy.isDone)
        #expect(edited.sum == buffer.bytes.reduce(0) { $0 + Int($1) })
        #expect(slow.proxy.count < Self.size + 2 * 2 * Self.chunk, "\(slow.proxy.count)")
    }

    /// Whoever has no ticket changes nothing, whatever it says.
    @Test func aStrangersWordsChangeNothing() throws {
        let slow = try SlowFleet(rate: 24e6, harms: [])
        defer { slow.close() }
        let over = Mailbox<Bool>()
        let ended = DispatchSemaphore(value: 0)
        let endpoint = slow.fleet.endpoint
        Thread.detachNewThread {
            defer { ended.signal() }
            guard let context = Optional(Context()), let socket = try? Socket(.dealer, in: context) else { return }
            try? socket.connect(endpoint)
            var random = SystemRandomNumberGenerator()
            let items: [BulkItem] = [.result(TaskKey(epoch: 1, task: 0)), .edit(1)]
            while over.drain().isEmpty {
                for item in items {
                    let headers: [BulkHeader] = [
                        .hello(ticket: random.next()), .chunk(item, offset: 0, sum: 0), .gone(item), .stop(item),
                        .get(item, offset: 0, limit: 1 << 20), .credit(item, limit: 1 << 40),
                    ]
                    let raw = OutgoingFrame.bytes([UInt8](repeating: 7, count: 1000))
                    for header in headers { _ = try? socket.send([.bytes(header.encode()), raw]) }
                }
                Poller.wait([socket], over, milliseconds: 2)
                while let frames = try? socket.receive() { #expect(frames.isEmpty, "it was answered") }
            }
            socket.closeWithoutLinger()
        }
        #expect(try results(slow.fleet, 1) == expected(1))
        over.post(true)
        ended.wait()
        #expect(!slow.story.has(.lost) && slow.story.damagedChunks == 0, "\(slow.story.all)")
    }

    private final class EditEngine: StageEngine {
        private let edited: @Sendable (Int) -> Void
        init(_ edited: @escaping @Sendable (Int) -> Void) { self.edited = edited }
        func load(_ assignment: StageAssignment) throws {}
        func apply(edit: TensorBundle?) throws {
            if let edit { edited(edit.entries[0].buffer.bytes.reduce(0) { $0 + Int($1) }) }
        }
        func begin(task: UInt64, body: TaskBody) throws -> [StageOutput] { [] }
        func receive(_ packet: Packet) throws -> [StageOutput] { [] }
        func abort(task: UInt64) {}
    }
}
