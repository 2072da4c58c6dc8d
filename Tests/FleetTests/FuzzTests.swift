import FleetIO
import FleetSupport
import Foundation
import Protocol
import Scheduling
import Selection
import Tensors
import TestSupport
import Testing
import WorkerIO
import ZeroMQ

/// Garbage and damaged messages by the ten thousand to either side, while it works: nothing changes.
@Suite(.serialized, .timeLimit(.minutes(10)))
struct FuzzTests {
    private static let rounds = ProcessInfo.processInfo.environment["FAULTLINE_FUZZ"].flatMap { Int($0) } ?? 40_000
    private static let key = TaskKey(epoch: 1, task: 0)

    /// One to four changes: a byte, a bit, an insertion, a cut.
    private static func damaged(_ message: [UInt8], _ chance: inout Chance) -> [UInt8] {
        var bytes = message
        for _ in 0...chance.below(4) where !bytes.isEmpty {
            let place = chance.below(bytes.count)
            switch chance.below(5) {
            case 0: bytes[place] = UInt8(truncatingIfNeeded: chance.next())
            case 1: bytes.removeSubrange(place...)
            case 2: bytes.insert(UInt8(truncatingIfNeeded: chance.next()), at: place)
            case 3: bytes = (0..<chance.below(200)).map { _ in UInt8(truncatingIfNeeded: chance.next()) }
            default: bytes[place] ^= 1 << UInt8(chance.below(8))
            }
        }
        return bytes
    }

    private static func send(_ frames: [[UInt8]], on socket: Socket) throws {
        while true {
            switch try socket.send(frames.map { .bytes($0) }) {
            case .sent: return
            case .full: usleep(1000)
            case .unknownPeer: throw FleetError("nobody is there any more")
            }
        }
    }

    @Test func theCoordinatorTakesNothingFromDamagedMessages() throws {
        print("seed \(Chance.firstSeed), \(Self.rounds) messages")
        let test = try TestFleet(workers: 2, pipelines: 1)
        defer { _ = test.close() }
        try test.fleet.use(model: Fake.model())
        let endpoint = test.fleet.endpoint
        let done = DispatchSemaphore(value: 0)
        let log = Log()
        Thread.detachNewThread {
            do { try Self.flood(coordinator: endpoint) } catch { log.add("\(error)") }
            done.signal()
        }
        var runs = 0
        repeat {
            #expect(try Fake.run(test.fleet, Fake.tasks(9)) == FleetTests.golden)
            runs += 1
        } while done.wait(timeout: .now()) != .success && runs < 100_000
        #expect(log.lines == [])
        #expect(test.fleet.progress.workers.map(\.name).sorted() == ["w0", "w1"])
        #expect(try Fake.run(test.fleet, Fake.tasks(9)) == FleetTests.golden)
        let lines = test.story.all.filter { !$0.description.isEmpty }
        print("\(runs) runs meanwhile, \(lines.count) lines in the log")
        #expect(lines.count < 60, "\(lines.suffix(20))")
    }

    private static func flood(coordinator endpoint: String) throws {
        var chance = Chance(seed: Chance.firstSeed)
        let capabilities = Fake.capabilities("stranger")
        let messages: [[UInt8]] = [
            try Codec.encode(ToCoordinator.hello(capabilities)), try Codec.encode(ToCoordinator.beat(Beat())),
            try Codec.encode(ToCoordinator.assigned(epoch: 1)),
            try Codec.encode(ToCoordinator.offer(key, digest: "abc", byteCount: 10)),
            try Codec.encode(ToCoordinator.taskFailed(key, error: "x")),
            try Codec.encode(ToCoordinator.edited(epoch: 1, edit: 1)),
            try Codec.encode(ToCoordinator.leaving(reason: "x")),
        ]
        let context = Context()
        let socket = try Socket(.dealer, in: context)
        defer { socket.closeWithoutLinger() }
        try socket.connect(endpoint)
        for round in 0..<rounds {
            let bytes = damaged(messages[round % messages.count], &chance)
            // Whoever says hello properly is a worker, though with an odd name.
            if case .hello? = try? Codec.decode(ToCoordinator.self, bytes) { continue }
            let more = (0..<chance.below(3)).map { _ in [UInt8](repeating: 7, count: chance.below(50)) }
            try send([bytes] + more, on: socket)
            if round % 100 == 0 { while try socket.receive() != nil {} }
        }
    }

    /// A fake coordinator and neighbour; what the worker computes before and after is the same.
    @Test func aWorkerTakesNothingFromDamagedMessages() throws {
        let folder = TemporaryFolder()
        let context = Context()
        let router = try Socket(.router, in: context)
        let endpoint = try router.bind("ipc://\(folder.file("c"))")
        var options = WorkerOptions(connect: endpoint)
        options.dataFolder = folder.path
        let ended = DispatchSemaphore(value: 0)
        let joined = options
        Thread.detachNewThread {
            _ = WorkerRuntime(options: joined, engine: FakeEngine()).run()
            ended.signal()
        }
        var peer: [UInt8] = []
        var data = ""
        func answer<T>(_ pick: (ToCoordinator) -> T?) throws -> T {
            let deadline = Date(timeIntervalSinceNow: 60)
            while Date() < deadline {
                while let frames = try router.receive() {
                    peer = frames[0].array
                    if let message = try? Codec.decode(ToCoordinator.self, frames[1].array), let found = pick(message) {
                        return found
                    }
                }
                Poller.wait([router], milliseconds: 50)
            }
            throw FleetError("the worker does not answer")
        }
        func tell(_ message: ToWorker, _ raw: [[UInt8]] = []) throws {
            try Self.send([peer, try Codec.encode(message)] + raw, on: router)
        }
        func digest(task: UInt64) throws -> String {
            let frames = try Codec.encode(body: .score(statistics: [.inputSquares], batches: Fake.batches(3, seed: 4)))
            let count = frames.reduce(0) { $0 + $1.count }
            try tell(.task(TaskKey(epoch: 1, task: task), bodyBytes: count), frames)
            return try answer { message -> String? in
                if case .offer(TaskKey(epoch: 1, task: task), let digest, _) = message { digest } else { nil }
            }
        }
        data = try answer { message -> String? in
            if case .hello(let capabilities) = message { capabilities.dataEndpoint } else { nil }
        }
        try tell(.welcome(worker: "w"))
        try tell(
            .assign(
                Assignment(
                    epoch: 1, model: "m", layers: 0..<4, stageIndex: 0, stageCount: 1, threads: 1, next: nil, window: 2)
            ))
        _ = try answer { message -> Bool? in if case .assigned = message { true } else { nil } }
        try tell(.edit(EditOffer(epoch: 1, edit: 1, name: "e", digest: "", byteCount: 0)))
        _ = try answer { message -> Bool? in if case .edited = message { true } else { nil } }
        let before = try digest(task: 1)
        try Self.flood(worker: peer, router, data: data)
        #expect(try digest(task: 2) == before)
        try tell(.goodbye(reason: "done"))
        #expect(ended.wait(timeout: .now() + 60) == .success)
    }

    private static func flood(worker: [UInt8], _ router: Socket, data: String) throws {
        var chance = Chance(seed: Chance.firstSeed + 1)
        let packet = PacketHeader(
            epoch: 1, task: 1, direction: 1, kind: 0, index: 0, integerCount: 2, payloadBytes: 8, hasPayload: true,
            sequence: 1)
        let control: [[UInt8]] = [
            try Codec.encode(ToWorker.welcome(worker: "w")), try Codec.encode(ToWorker.committed(key)),
            try Codec.encode(
                ToWorker.assign(
                    Assignment(
                        epoch: 2, model: "m", layers: 0..<4, stageIndex: 0, stageCount: 2, threads: 1, next: "ipc://a",
                        window: 3))),
            try Codec.encode(ToWorker.task(key, bodyBytes: 20)), try Codec.encode(ToWorker.abort(key)),
            try Codec.encode(ToWorker.edit(EditOffer(epoch: 1, edit: 9, name: "n", digest: "d", byteCount: 50))),
            try Codec.encode(ToWorker.goodbye(reason: "x")), try Codec.encode(ToWorker.refuse(reason: "x")),
        ]
        let headers = [
            DataHeader.packet(packet).encode(), DataHeader.credit(epoch: 1, bytes: .max).encode(),
            DataHeader.hello(epoch: 1, credit: .max).encode(),
        ]
        let context = Context()
        let neighbour = try Socket(.dealer, in: context)
        defer { neighbour.closeWithoutLinger() }
        try neighbour.connect(data)
        for round in 0..<rounds {
            let more = (0..<chance.below(3)).map { _ in [UInt8](repeating: 7, count: chance.below(50)) }
            if round % 2 == 0 {
                let bytes = damaged(control[round / 2 % control.count], &chance)
                // What is still a message, or one of another version, is to be obeyed: it is its coordinator's.
                do { _ = try Codec.decode(ToWorker.self, bytes) } catch {
                    if case .malformed = error { try send([worker, bytes] + more, on: router) }
                }
            } else {
                try send([damaged(headers[round / 2 % headers.count], &chance)] + more, on: neighbour)
            }
            if round % 100 == 0 {
                while try router.receive() != nil {}
                while try neighbour.receive() != nil {}
            }
        }
    }
}
