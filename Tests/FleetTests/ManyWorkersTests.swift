import FleetIO
import FleetSupport
import Foundation
import HTTP
import Protocol
import Scheduling
import StatusPage
import Tensors
import TestSupport
import Testing
import ZeroMQ

/// 256 workers that say what workers say, on one thread: the page answers while they all talk.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct ManyWorkersTests {
    private final class Crowd: @unchecked Sendable {
        private let lock = NSLock()
        private var isOver = false
        private let ended = DispatchSemaphore(value: 0)

        func stop() {
            lock.withLock { isOver = true }
            ended.wait()
        }

        func start(_ count: Int, at endpoint: String) {
            Thread.detachNewThread { [self] in
                try? talk(count, endpoint)
                ended.signal()
            }
        }

        private func talk(_ count: Int, _ endpoint: String) throws {
            let context = Context()
            let sockets = try (0..<count).map { index in
                let socket = try Socket(.dealer, in: context)
                try socket.connect(endpoint)
                let hello = Capabilities(
                    host: "host-\(index / 8)", pid: Int32(index), threads: 4, memoryBytes: 1 << 34,
                    level: .avx2, dataEndpoint: "ipc:///tmp/none", name: "w\(index)")
                _ = try socket.send([.bytes(Codec.encode(ToCoordinator.hello(hello)))])
                return socket
            }
            var beat = Beat()
            var next = 0.0
            while !lock.withLock({ isOver }) {
                Poller.wait(sockets, milliseconds: 50)
                for socket in sockets {
                    while let frames = try socket.receive() {
                        guard let first = frames.first else { continue }
                        switch try? Codec.decode(ToWorker.self, first.array) {
                        case .assign(let assignment): try say(.assigned(epoch: assignment.epoch), socket)
                        case .edit(let offer): try say(.edited(epoch: offer.epoch, edit: offer.edit), socket)
                        default: break
                        }
                    }
                }
                let now = Date().timeIntervalSince1970
                guard now >= next else { continue }
                next = now + 1
                beat.steps += 1
                for socket in sockets { try say(.beat(beat), socket) }
            }
        }

        private func say(_ message: ToCoordinator, _ socket: Socket) throws {
            _ = try socket.send([.bytes(Codec.encode(message))])
        }
    }

    @Test func thePageAnswersWithManyWorkers() throws {
        let scratch = TemporaryFolder()
        let crowd = Crowd()
        var settings = FleetSettings(runDirectory: scratch.file("run"))
        settings.listen = "ipc://\(scratch.path)/c"
        settings.awaited = 256
        settings.registration = 60
        settings.pipelines = 32
        try settings.show(StatusPageSettings(port: 0))
        settings.bound = { crowd.start(256, at: $0) }
        let fleet = try Fleet(settings)
        defer {
            fleet.shutdown()
            crowd.stop()
        }
        try fleet.use(model: Fake.model(layers: 64))
        let finished = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            try? fleet.run(Fake.tasks(2000), label: "scoring") { _, _ in }
            finished.signal()
        }
        let port = try #require(fleet.viewURL.flatMap { URL(string: $0)?.port }.flatMap { UInt16(exactly: $0) })
        var answers = 0
        while answers < 21 {
            let answer = try HTTPClient.get(host: "127.0.0.1", port: port, path: "/status.json", seconds: 30)
            answers += 1
            let status = try JSONDecoder().decode(RunStatus.self, from: Data(answer.body))
            #expect(status.progress.workers.count == 256)
            // From when the tasks have been handed out.
            if status.progress.tasksRunning == 0 { answers = 0 }
        }
        fleet.shutdown()
        #expect(finished.wait(timeout: .now() + 30) == .success)
    }
}
