import Foundation

/// A slow and unreliable wire: forwards TCP connections of this machine, so many bytes a second each way, and does harm at
/// chosen places.
public final class ThrottlingProxy: @unchecked Sendable {
    public enum Harm: Sendable {
        /// Ends the connection that carries the most.
        case cut
        /// Ends all connections, and lets nobody in any more.
        case cutForGood
        /// Changes one byte.
        case damage
    }

    private final class Wire: @unchecked Sendable {
        let near: Int32
        let far: Int32
        var carried = 0
        init(near: Int32, far: Int32) { (self.near, self.far) = (near, far) }
        func end() {
            shutdown(near, Int32(SHUT_RDWR))
            shutdown(far, Int32(SHUT_RDWR))
        }
    }

    public let port: UInt16
    private let target: UInt16
    private let rate: Double
    private let listener: Int32
    private let lock = NSLock()
    private var wires: [Wire] = []
    private var harms: [(at: Int, harm: Harm)]
    private var forwarded = 0
    private var isClosed = false
    private var isCut = false

    /// - Parameters:
    ///   - target: the port on this machine where connections lead.
    ///   - rate: bytes a second, each way of each connection.
    ///   - harms: done when so many bytes have been forwarded in all, in this order.
    public init(to target: UInt16, rate: Double, harms: [(at: Int, harm: Harm)]) throws {
        (self.target, self.rate, self.harms) = (target, rate, harms)
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = Self.loopback(port: 0)
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, size) == 0 && listen(listener, 64) == 0 && getsockname(listener, $0, &size) == 0
            }
        }
        guard bound else { throw POSIXError(.EADDRNOTAVAIL) }
        port = UInt16(bigEndian: address.sin_port)
        self.listener = listener
        Thread.detachNewThread { [self] in accept() }
    }

    /// Bytes that reached the other end, of all connections and both ways.
    public var count: Int { lock.withLock { forwarded } }
    /// Whether all the harm was done.
    public var isDone: Bool { lock.withLock { harms.isEmpty } }

    public func close() {
        let all = lock.withLock {
            isClosed = true
            return wires
        }
        shutdown(listener, Int32(SHUT_RDWR))
        for wire in all { wire.end() }
    }

    private static func loopback(port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }

    private func accept() {
        while true {
            let near = Glibc.accept(listener, nil, nil)
            guard near >= 0, !lock.withLock({ isClosed }) else { return }
            if lock.withLock({ isCut }) {
                Glibc.close(near)
                continue
            }
            let far = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var address = Self.loopback(port: target)
            // What is on its way when a wire is cut shall be little.
            var small: Int32 = 64 << 10
            for (descriptor, option) in [(near, SO_RCVBUF), (far, SO_SNDBUF), (near, SO_SNDBUF), (far, SO_RCVBUF)] {
                setsockopt(descriptor, SOL_SOCKET, option, &small, 4)
            }
            let connected = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(far, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
                }
            }
            guard connected else {
                Glibc.close(near)
                Glibc.close(far)
                continue
            }
            let wire = Wire(near: near, far: far)
            lock.withLock { wires.append(wire) }
            let open = DispatchGroup()
            for (from, to) in [(near, far), (far, near)] {
                open.enter()
                Thread.detachNewThread { [self] in
                    forward(from, to, wire)
                    wire.end()
                    open.leave()
                }
            }
            Thread.detachNewThread { [self] in
                open.wait()
                lock.withLock { wires.removeAll { $0 === wire } }
                Glibc.close(near)
                Glibc.close(far)
            }
        }
    }

    private func forward(_ from: Int32, _ to: Int32, _ wire: Wire) {
        var bytes = [UInt8](repeating: 0, count: 16 << 10)
        while true {
            let count = read(from, &bytes, bytes.count)
            guard count > 0 else { return }
            usleep(UInt32(Double(count) / rate * 1e6))
            for harm in due(count, wire) {
                switch harm {
                case .cut: lock.withLock { wires.max { $0.carried < $1.carried } }?.end()
                case .cutForGood:
                    let all = lock.withLock {
                        isCut = true
                        return wires
                    }
                    for wire in all { wire.end() }
                case .damage: bytes[count / 2] ^= 0x10
                }
            }
            var sent = 0
            while sent < count {
                let written = bytes.withUnsafeBytes {
                    send(to, $0.baseAddress! + sent, count - sent, Int32(MSG_NOSIGNAL))
                }
                guard written > 0 else { return }
                sent += written
            }
            lock.withLock {
                forwarded += count
                wire.carried += count
            }
        }
    }

    /// Harm comes to the connection that carries the most only; beats pass.
    private func due(_ count: Int, _ wire: Wire) -> [Harm] {
        lock.withLock {
            guard let next = harms.first, forwarded >= next.at, wires.allSatisfy({ $0.carried <= wire.carried }),
                count > 1024
            else { return [] }
            harms.removeFirst()
            return [next.harm]
        }
    }
}
