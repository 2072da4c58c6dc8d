import CZMQ

/// Waits until a socket can be read or a mailbox has something.
public enum Poller {
    /// - Parameter milliseconds: the longest wait.
    /// - Returns: after the wait, whatever ended it; the caller reads all its sockets until they are empty.
    public static func wait<E>(_ sockets: [Socket], _ mailbox: Mailbox<E>, milliseconds: Int) {
        var items = sockets.map { item($0) }
        items.append(zmq_pollitem_t(socket: nil, fd: mailbox.descriptor, events: Int16(ZMQ_POLLIN), revents: 0))
        zmq_poll(&items, Int32(items.count), max(0, milliseconds))
    }

    /// The same without a mailbox.
    public static func wait(_ sockets: [Socket], milliseconds: Int) {
        var items = sockets.map { item($0) }
        zmq_poll(&items, Int32(items.count), max(0, milliseconds))
    }

    private static func item(_ socket: Socket) -> zmq_pollitem_t {
        zmq_pollitem_t(socket: socket.handle, fd: 0, events: Int16(ZMQ_POLLIN), revents: 0)
    }
}
