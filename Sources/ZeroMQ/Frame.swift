import CZMQ
public import Tensors

/// One frame to send: bytes that are copied, or a slice of a buffer that is not.
public enum OutgoingFrame: Sendable {
    case bytes([UInt8])
    /// libzmq reads the buffer's own memory, and keeps the buffer alive until it has.
    case slice(AlignedBuffer, Range<Int>)

    public var count: Int {
        switch self {
        case .bytes(let bytes): bytes.count
        case .slice(_, let range): range.count
        }
    }
}

/// One received frame; owns libzmq's memory of it.
public final class ReceivedFrame: @unchecked Sendable {
    private let message: UnsafeMutablePointer<zmq_msg_t>

    init(adopting message: UnsafeMutablePointer<zmq_msg_t>) { self.message = message }

    deinit {
        zmq_msg_close(message)
        message.deallocate()
    }

    /// Valid as long as the frame is.
    public var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: zmq_msg_data(message), count: zmq_msg_size(message))
    }
    public var array: [UInt8] { [UInt8](bytes) }
    public var count: Int { zmq_msg_size(message) }
    /// Whom the context's `Authenticator` took the sender for. To be read from the LAST frame of a message: libzmq 4.3.4
    /// leaves it out of a polled ROUTER message's first one.
    public var userID: String? { zmq_msg_gets(message, "User-Id").map { String(cString: $0) } }
    var more: Bool { zmq_msg_more(message) != 0 }
}

/// A message on its way into libzmq: filled once, then either sent or closed.
struct OutgoingMessage: ~Copyable {
    private let message: UnsafeMutablePointer<zmq_msg_t>

    init(_ frame: OutgoingFrame) throws(ZeroMQError) {
        message = .allocate(capacity: 1)
        switch frame {
        case .bytes(let bytes):
            guard zmq_msg_init_size(message, bytes.count) == 0 else { throw ZeroMQError("zmq_msg_init_size") }
            bytes.withUnsafeBytes {
                if $0.count > 0 { zmq_msg_data(message)!.copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
            }
        case .slice(let buffer, let range):
            precondition(
                range.lowerBound >= 0 && range.upperBound <= buffer.byteCount, "bytes \(range) of \(buffer.byteCount)")
            let hint = Unmanaged.passRetained(buffer)
            let status = zmq_msg_init_data(
                message, buffer.address + range.lowerBound, range.count,
                { _, hint in Unmanaged<AlignedBuffer>.fromOpaque(hint!).release() }, hint.toOpaque())
            guard status == 0 else {
                hint.release()
                throw ZeroMQError("zmq_msg_init_data")
            }
        }
    }

    deinit {
        zmq_msg_close(message)  // A message that was sent is empty by now.
        message.deallocate()
    }

    /// - Returns: whether it was taken; `false` leaves the reason in `errno`.
    borrowing func send(on socket: UnsafeMutableRawPointer, more: Bool) -> Bool {
        zmq_msg_send(message, socket, ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0)) >= 0
    }
}
