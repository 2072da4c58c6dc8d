import Checkpoint
import Foundation
import Protocol
import Scheduling
import Synchronization
import Tensors
import ZeroMQ

/// Many workers in one thread: each has its own connection and says what a worker says; what they compute are ones.
package final class Crowd: @unchecked Sendable {
    private final class Member {
        let socket: Socket
        let name: String
        var isWelcome = false
        var isOver = false
        var layers: Range<Int> = 0..<0
        var nextWord = 0.0
        var steps: UInt64 = 0
        var due: [(time: Double, key: TaskKey)] = []

        init(_ socket: Socket, _ name: String) { (self.socket, self.name) = (socket, name) }
    }

    /// What the crowd has come to, read from other threads.
    package struct Account: Sendable {
        package var greeted = 0
        /// Seconds from the first hello to the last first hello, and to the last welcome.
        package var helloSeconds = 0.0
        package var welcomeSeconds: Double?
        package var offers = 0
        package var over = 0
    }

    private let context = Context(ioThreads: 1)
    private let config: ModelConfig
    private let endpoint: String
    private let count: Int
    private let taskSeconds: Double
    private let state = Mutex((account: Account(), isStopped: false))
    private let ended = DispatchSemaphore(value: 0)

    package init(endpoint: String, count: Int, model: String, taskSeconds: Double) throws {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        config = try Checkpoint.open(model).config
        (self.endpoint, self.count, self.taskSeconds) = (endpoint, count, taskSeconds)
        Thread.detachNewThread { [self] in
            do { try run() } catch { print("the crowd: \(error)") }
            ended.signal()
        }
    }

    package var account: Account { state.withLock { $0.account } }

    package func stop() {
        state.withLock { $0.isStopped = true }
        _ = ended.wait(timeout: .now() + 30)
    }

    private func change(_ body: (inout Account) -> Void) { state.withLock { body(&$0.account) } }

    private static var now: Double { Double(DispatchTime.now().uptimeNanoseconds) * 1e-9 }

    private func run() throws {
        let began = Self.now
        var members: [Member] = []
        for index in 0..<count {
            let socket = try Socket(.dealer, in: context)
            try socket.connect(endpoint)
            let member = Member(socket, "crowd-\(index)")
            members.append(member)
            try greet(member)
        }
        change { $0.helloSeconds = Self.now - began }
        while !state.withLock({ $0.isStopped }), members.contains(where: { !$0.isOver }) {
            for member in members where !member.isOver {
                while let frames = try member.socket.receive() {
                    guard let first = frames.first, let message = try? Codec.decode(ToWorker.self, first.array) else {
                        continue
                    }
                    try obey(message, member, began)
                }
                try work(member)
            }
            usleep(4000)
        }
        for member in members { member.socket.closeWithoutLinger() }
    }

    private func greet(_ member: Member) throws {
        member.nextWord = Self.now + 3
        try say(
            member,
            .hello(
                Capabilities(
                    host: "h", pid: 1, threads: 1, memoryBytes: 1 << 30, level: .avx2,
                    dataEndpoint: "tcp://127.0.0.1:1", name: member.name)))
    }

    private func say(_ member: Member, _ message: ToCoordinator, raw: [OutgoingFrame] = []) throws {
        _ = try member.socket.send([.bytes(try Codec.encode(message))] + raw)
    }

    private func obey(_ message: ToWorker, _ member: Member, _ began: Double) throws {
        switch message {
        case .welcome:
            guard !member.isWelcome else { return }
            member.isWelcome = true
            member.nextWord = Self.now + Double.random(in: 0...1)
            change {
                $0.greeted += 1
                if $0.greeted == count { $0.welcomeSeconds = Self.now - began }
            }
        case .assign(let assignment):
            member.layers = assignment.layers ?? 0..<0
            try say(member, .assigned(epoch: assignment.epoch))
        case .edit(let offer): try say(member, .edited(epoch: offer.epoch, edit: offer.edit))
        case .task(let key, _): member.due.append((Self.now + taskSeconds, key))
        case .abort(let key): member.due.removeAll { $0.key == key }
        case .goodbye, .refuse, .level:
            member.isOver = true
            change { $0.over += 1 }
        default: break
        }
    }

    private func work(_ member: Member) throws {
        let now = Self.now
        for item in member.due where item.time <= now {
            member.steps += 1
            let image = result(member.layers).image()
            let bytes = image.bytes()
            try say(
                member, .offer(item.key, digest: image.sha256(), byteCount: bytes.count), raw: [.bytes(bytes)])
            change { $0.offers += 1 }
        }
        member.due.removeAll { $0.time <= now }
        guard now >= member.nextWord else { return }
        guard member.isWelcome else { return try greet(member) }
        member.nextWord = now + 1
        var beat = Beat()
        (beat.steps, beat.busySeconds) = (member.steps, member.due.isEmpty ? 0 : 0.5)
        try say(member, .beat(beat))
    }

    private func result(_ layers: Range<Int>) -> TensorBundle {
        TensorBundle(
            entries: layers.flatMap { layer in
                LinearMap.allCases.map { map in
                    let columns = map.shape(in: config).columns
                    let buffer = AlignedBuffer(byteCount: columns * 8)
                    for index in 0..<columns {
                        buffer.bytes.storeBytes(of: 1.0, toByteOffset: index * 8, as: Double.self)
                    }
                    return TensorBundle.Entry(
                        name: "input_squares." + map.weightName(layer: layer), type: .f64, shape: [columns],
                        buffer: buffer)
                }
            })
    }
}
