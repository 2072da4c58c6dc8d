public import Protocol
public import Tensors
public import ZeroMQ

/// The sending half of bulk transfers: sends what the receivers have room for, straight from the items' own memory.
///
/// It holds no items: they are asked for chunk by chunk, and one that is there no more is said to be gone.
public struct BulkSender: Sendable {
    private struct Stream {
        var path: BulkPath
        var next: Int
        var limit: Int
    }

    private var streams: [Stream] = []
    /// Chunks are this large, but for the last before a limit.
    private let chunk: Int

    public init(chunk: Int = Limits.chunkBytes) { self.chunk = chunk }

    public var isIdle: Bool { streams.allSatisfy { $0.next >= $0.limit } }

    /// A receiver's `get`, `credit` or `stop`; nothing else changes anything.
    public mutating func take(_ header: BulkHeader, from peer: Int = 0) {
        switch header {
        case .get(let item, let offset, let limit):
            let path = BulkPath(peer: peer, item)
            streams.removeAll { $0.path == path }
            streams.append(Stream(path: path, next: offset, limit: limit))
        case .credit(let item, let limit):
            let path = BulkPath(peer: peer, item)
            for index in streams.indices where streams[index].path == path {
                streams[index].limit = max(streams[index].limit, limit)
            }
        case .stop(let item): streams.removeAll { $0.path == BulkPath(peer: peer, item) }
        case .hello, .chunk, .gone: break
        }
    }

    /// A peer's connection has gone, and with it what it asked for.
    public mutating func drop(_ peer: Int = 0) { streams.removeAll { $0.path.peer == peer } }

    /// Sends chunk by chunk, a chunk of each stream in turn, as far as limits and queues allow.
    /// - Parameters:
    ///   - image: an item's bytes; `nil` where it is not held.
    ///   - send: sends to a peer.
    public mutating func pump(
        image: (BulkPath) -> TensorBundle.Image?,
        send: (_ peer: Int, [OutgoingFrame]) throws -> Socket.SendOutcome
    ) rethrows {
        var moved = true
        while moved {
            moved = false
            for stream in streams where stream.next < stream.limit {
                let path = stream.path
                guard let image = image(path), stream.limit <= image.byteCount else {
                    streams.removeAll { $0.path == path }
                    _ = try send(path.peer, [.bytes(BulkHeader.gone(path.item).encode())])
                    continue
                }
                let range = stream.next..<min(stream.limit, stream.next + chunk)
                switch try send(path.peer, Self.frames(path.item, image, range)) {
                case .sent:
                    moved = true
                    for index in streams.indices where streams[index].path == path {
                        streams[index].next = range.upperBound
                    }
                case .full: return
                case .unknownPeer: drop(path.peer)
                }
            }
        }
    }

    private static func frames(_ item: BulkItem, _ image: TensorBundle.Image, _ range: Range<Int>) -> [OutgoingFrame] {
        let raw: (buffer: AlignedBuffer, range: Range<Int>)
        if let slice = image.slice(range) {
            raw = slice
        } else {
            let copy = AlignedBuffer(byteCount: range.count, zeroed: false)
            image.copyBytes(range, into: copy.bytes)
            raw = (copy, 0..<range.count)
        }
        let sum =
            image.sealedSum(of: range) ?? ChunkSum.of(UnsafeRawBufferPointer(rebasing: raw.buffer.bytes[raw.range]))
        return [
            .bytes(BulkHeader.chunk(item, offset: range.lowerBound, sum: sum).encode()), .slice(raw.buffer, raw.range),
        ]
    }
}
