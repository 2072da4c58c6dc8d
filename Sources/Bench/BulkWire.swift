import Bulk
import Foundation
import Protocol
import Tensors
import ZeroMQ

/// A DEALER and a ROUTER, each with a context and a thread of its own, as in two programs.
struct BulkWire {
    private let near: Context
    private let far: Context
    private let dealer: Socket
    private let router: Socket
    private let door: Authenticator?
    /// The dealer's routing id.
    private let peer: [UInt8]

    init(tcp: Bool, curve: Bool) throws {
        let server = try CurveKeyPair.generate()
        let client = try CurveKeyPair.generate()
        (near, far) = (Context(), Context())
        door = curve ? try Authenticator(in: far) : nil
        router = try Socket(.router, in: far, security: curve ? .server(server, domain: "bench") : .plain)
        dealer = try Socket(
            .dealer, in: near, security: curve ? .client(client, server: server.publicKey) : .plain)
        let path = "/tmp/faultline-bench-\(getpid())-\(UInt32.random(in: 0 ... .max)).sock"
        let endpoint = try router.bind(tcp ? "tcp://127.0.0.1:*" : "ipc://\(path)")
        try dealer.connect(endpoint)
        // The handshake is not measured.
        _ = try dealer.send([.bytes([1])])
        var knock: [ReceivedFrame]?
        repeat {
            try door?.answer { _ in .admit(userID: "bench") }
            Poller.wait([router] + (door.map { [$0.socket] } ?? []), milliseconds: 10)
            knock = try router.receive()
        } while knock == nil
        peer = knock![0].array
    }

    private struct Checked: Sendable {
        var count: Int
        var isWhole: Bool
    }

    /// Moves a socket to the thread that uses it from now on.
    private struct Handed<Value>: @unchecked Sendable { let value: Value }

    /// Bytes a second of frames of 1 MiB that are dropped as they come.
    func bare(_ image: TensorBundle.Image) throws -> Double {
        let began = ContinuousClock.now
        let sender = Handed(value: dealer)
        Thread.detachNewThread {
            for start in stride(from: 0, to: image.byteCount, by: Limits.chunkBytes) {
                let range = start..<min(image.byteCount, start + Limits.chunkBytes)
                var frame = OutgoingFrame.bytes([])
                if let slice = image.slice(range) {
                    frame = .slice(slice.buffer, slice.range)
                } else {
                    let copy = AlignedBuffer(byteCount: range.count, zeroed: false)
                    image.copyBytes(range, into: copy.bytes)
                    frame = .slice(copy, 0..<range.count)
                }
                _ = try? sender.value.send([.bytes([UInt8](repeating: 0, count: 64)), frame])
            }
        }
        var received = 0
        while received < image.byteCount {
            Poller.wait([router], milliseconds: 100)
            while let frames = try router.receive() { received += frames.last!.count }
        }
        return rate(image, since: began)
    }

    /// The same by the programs' own sender and receiver: with credit, every chunk checked on another thread.
    func ours(_ image: TensorBundle.Image) throws -> Double {
        let path = BulkPath(.edit(UInt64.random(in: 0 ... .max)))
        let done = Mailbox<Bool>()
        let sending = DispatchSemaphore(value: 0)
        let sender = Handed(value: dealer)
        let began = ContinuousClock.now
        Thread.detachNewThread {
            var pump = BulkSender()
            var over = false
            while !over {
                Poller.wait([sender.value], done, milliseconds: 100)
                while let frames = try? sender.value.receive() {
                    if let header = try? BulkHeader.decode(frames[0].array) { pump.take(header) }
                }
                try? pump.pump {
                    $0 == path ? image : nil
                } send: {
                    try sender.value.send($1)
                }
                over = !done.drain().isEmpty
            }
            sending.signal()
        }
        var receiver = BulkReceiver()
        let settled = Mailbox<Checked>()
        let queue = DispatchQueue(label: "faultline.bench")
        receiver.open(path, byteCount: image.byteCount, from: 0, now: 0)
        receiver.link(0, now: 0)
        while !receiver.isComplete(path) {
            for (_, header) in receiver.grants() { _ = try router.send([.bytes(peer), .bytes(header.encode())]) }
            Poller.wait([router], settled, milliseconds: 100)
            while let frames = try router.receive() {
                guard frames.count == 3, case .chunk(_, let offset, let sum) = try BulkHeader.decode(frames[1].array),
                    receiver.take(path, offset: offset, count: frames[2].count, now: 0)
                else { continue }
                let frame = frames[2]
                queue.async { settled.post(Checked(count: frame.count, isWhole: ChunkSum.of(frame.bytes) == sum)) }
            }
            for chunk in settled.drain() {
                guard chunk.isWhole else { throw ProtocolError.malformed("a chunk's sum") }
                receiver.settle(path, count: chunk.count)
            }
        }
        let rate = rate(image, since: began)
        done.post(true)
        sending.wait()
        return rate
    }

    private func rate(_ image: TensorBundle.Image, since began: ContinuousClock.Instant) -> Double {
        let seconds = began.duration(to: .now) / .seconds(1)
        return Double(image.byteCount) / seconds
    }
}
