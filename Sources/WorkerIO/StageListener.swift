import Foundation
import Keys
import Tensors
import ZeroMQ

/// The socket to which the previous stage connects, and who is let in there.
struct StageListener {
    private let router: Socket
    private let monitor: Monitor?
    private var crowd: ConnectionGuard?
    /// `nil` without keys: everybody is let in.
    private let authenticator: Authenticator?
    /// Where other stages reach it.
    let endpoint: String
    /// The ipc socket's file, removed at the end.
    private let file: String?
    /// The public key that may connect: the previous stage's.
    var previousKey: String?

    /// The context's first sockets.
    /// - Parameter stranger: a key that nobody knows, with which the socket is tried; `nil` without keys.
    /// - Throws: `ZeroMQError` where the socket cannot be bound; `StrangerTest.Fault` where it lets the stranger in.
    init(
        _ options: WorkerOptions, _ security: LinkSecurity, stranger: CurveKeyPair?, in context: Context
    ) throws {
        authenticator = security.keys != nil ? try Authenticator(in: context) : nil
        router = try Socket(.router, in: context, security: security.data)
        if let host = options.dataHost {
            file = nil
            endpoint = try router.bind("tcp://\(host):*")
        } else {
            let path = "\(options.dataFolder)/w\(getpid())-\(UInt32.random(in: 0...UInt32.max)).sock"
            file = path
            endpoint = try router.bind("ipc://\(path)")
        }
        guard let stranger, let keys = security.keys else {
            monitor = nil
            return
        }
        do {
            try StrangerTest.run(
                endpoint, in: context, stranger: stranger, server: keys.pair.publicKey, authenticator: authenticator
            ) { _ in .refuse }
            monitor = try Monitor(of: router, in: context, name: "data")
        } catch {
            if let file { Files.removeFile(file) }
            throw error
        }
        crowd = ConnectionGuard(endpoint: endpoint)
    }

    /// To be polled.
    var sockets: [Socket] { [router, authenticator?.socket, monitor?.socket].compactMap { $0 } }

    /// Handshakes are under way: `answer` is to be called every few milliseconds.
    var isBusy: Bool { crowd?.isBusy == true }

    /// Answers who wants to come in, and shuts out those whose handshakes are none.
    /// - Throws: `ZeroMQError` where libzmq does not receive or send.
    mutating func answer() throws(ZeroMQError) {
        let previousKey = previousKey
        try authenticator?.answer { request in
            // The previous stage alone; it may come before this worker's own assignment does, hence the wait.
            request.publicKey == previousKey ? .admit(userID: request.publicKey) : .wait
        }
        while let event = try monitor?.next() {
            if case .accepted(let descriptor) = event { crowd?.accepted(descriptor) }
        }
        _ = crowd?.check()
    }

    /// The next message of somebody who may speak, or `nil` where none waits.
    /// - Throws: `ZeroMQError` where libzmq does not receive.
    func receive() throws(ZeroMQError) -> (sender: [UInt8], frames: [ReceivedFrame])? {
        while let frames = try router.receive() {
            if mayConnect(frames) { return (frames[0].array, Array(frames.dropFirst())) }
        }
        return nil
    }

    /// Judged by message: the pipeline may have changed since the handshake.
    private func mayConnect(_ frames: [ReceivedFrame]) -> Bool {
        authenticator == nil || (previousKey != nil && frames.last?.userID == previousKey)
    }

    /// A neighbour that is gone is the coordinator's to notice.
    func send(_ frames: [OutgoingFrame], to peer: [UInt8]) { _ = try? router.send([.bytes(peer)] + frames) }

    /// Before it is let go of.
    func close() {
        router.closeWithoutLinger()
        if let file { Files.removeFile(file) }
    }
}
