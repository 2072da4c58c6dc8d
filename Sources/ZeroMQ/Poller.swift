import CZMQ

/// Waits until a socket can be read or a mailbox has something.
public enum Poller {
    /// - Parameter milliseconds: the longest wait.
    /// - Returns: after the wait, whatever ended it; the caller reads all its sockets until they are empty.
    public static func wait<E>(_ sockets: [Socket], _ mailbox: Mailbox<E>, milliseconds: Int) {
        var items = sockets.map { zmq_pollitem_t(socket: $0.handle, fd: 0, events: Int16(ZMQ_POLLIN), revents: 0) }
        items.append(zmq_pollitem_t(socket: nil, fd: mailbox.descriptor, events: Int16(ZMQ_POLLIN), revents: 0))
        zmq_poll(&items, Int32(items.count), max(0, milliseconds))
    }
}
