import CZMQ

/// libzmq's context: its I/O threads and the sockets made from it.
///
/// Made after the process's keys, and after it its `Authenticator`; closed after all its sockets.
public final class Context: @unchecked Sendable {
    let handle: UnsafeMutableRawPointer

    public init(ioThreads: Int = 1) {
        handle = zmq_ctx_new()!
        zmq_ctx_set(handle, ZMQ_IO_THREADS, Int32(ioThreads))
        zmq_ctx_set(handle, ZMQ_MAX_SOCKETS, 4096)
    }

    /// Waits for what lingers in its sockets (each has a bounded linger).
    deinit {
        while zmq_ctx_term(handle) != 0, zmq_errno() == EINTR {}
    }
}
