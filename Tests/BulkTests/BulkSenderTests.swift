import Bulk
import Protocol
import Tensors
import Testing
import ZeroMQ

struct BulkSenderTests {
    /// 300 bytes in one tensor and 5 in another, behind a header.
    private let image: TensorBundle.Image = {
        let large = AlignedBuffer(byteCount: 300)
        for index in 0..<300 { large.bytes[index] = UInt8(truncatingIfNeeded: index &* 31) }
        return TensorBundle(entries: [
            .init(name: "a", type: .u8, shape: [300], buffer: large),
            .init(name: "b", type: .u8, shape: [5], buffer: AlignedBuffer(bytes: [1, 2, 3, 4, 5])),
        ]).image()
    }()
    private let item = BulkItem.edit(3)

    private func bytes(_ frames: [OutgoingFrame]) -> [UInt8] {
        frames.dropFirst().flatMap { frame in
            switch frame {
            case .bytes(let bytes): bytes
            case .slice(let buffer, let range): Array(buffer.bytes[range])
            }
        }
    }

    private func header(_ frames: [OutgoingFrame]) throws -> BulkHeader {
        guard case .bytes(let bytes) = frames[0] else { throw ProtocolError.malformed("no header") }
        return try BulkHeader.decode(bytes)
    }

    @Test func everyByteComesOnceInOrderWithItsSum() throws {
        var sender = BulkSender(chunk: 64)
        var got: [UInt8] = []
        func pump() throws {
            try sender.pump { _ in
                image
            } send: { _, frames in
                let raw = bytes(frames)
                let said = try header(frames)
                #expect(said == .chunk(item, offset: got.count, sum: raw.withUnsafeBytes { ChunkSum.of($0) }))
                got += raw
                return .sent
            }
        }
        sender.take(.get(item, offset: 0, limit: 100))
        try pump()
        #expect(got.count == 100 && sender.isIdle)
        sender.take(.credit(item, limit: 50))
        try pump()
        #expect(got.count == 100, "a limit never falls")
        sender.take(.credit(item, limit: image.byteCount))
        try pump()
        #expect(got == image.bytes())
        got = Array(got[..<130])
        sender.take(.get(item, offset: 130, limit: image.byteCount))
        try pump()
        #expect(got == image.bytes())
    }

    @Test func whatIsNotHeldIsGone() throws {
        var sender = BulkSender()
        var said: [BulkHeader] = []
        func pump(_ image: TensorBundle.Image?) throws {
            try sender.pump { _ in
                image
            } send: { _, frames in
                said.append(try header(frames))
                return .sent
            }
        }
        sender.take(.get(item, offset: 0, limit: 10))
        try pump(nil)
        sender.take(.get(item, offset: 0, limit: image.byteCount + 1))
        try pump(image)
        #expect(said == [.gone(item), .gone(item)] && sender.isIdle)
        sender.take(.get(item, offset: 0, limit: 10))
        sender.take(.stop(item))
        try pump(image)
        #expect(said.count == 2)
    }

    @Test func aFullQueueIsTriedAgainAndALostPeerIsForgotten() throws {
        var sender = BulkSender(chunk: 64)
        var outcomes: [Socket.SendOutcome] = [.sent, .full, .sent, .unknownPeer]
        var offsets: [Int] = []
        func pump() throws {
            try sender.pump { _ in
                image
            } send: { _, frames in
                if case .chunk(_, let offset, _) = try header(frames) { offsets.append(offset) }
                return outcomes.removeFirst()
            }
        }
        sender.take(.get(item, offset: 0, limit: image.byteCount))
        try pump()
        try pump()
        #expect(offsets == [0, 64, 64, 128] && sender.isIdle)
    }

    @Test func streamsTakeTurns() throws {
        var sender = BulkSender(chunk: 64)
        var peers: [Int] = []
        sender.take(.get(item, offset: 0, limit: 128), from: 1)
        sender.take(.get(item, offset: 0, limit: 256), from: 2)
        sender.pump { _ in
            image
        } send: { peer, _ in
            peers.append(peer)
            return .sent
        }
        #expect(peers == [1, 2, 1, 2, 2, 2])
    }
}
