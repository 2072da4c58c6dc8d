import CZMQ
import Foundation
import Tensors

/// Bounds what strangers cost a CURVE socket: before libzmq knows who is there it buffers up to a whole frame for each
/// connection, and it accepts any number. An unfinished handshake that has sent more than a handshake takes is shut down;
/// so are the oldest where there are too many (an honest one takes milliseconds).
public struct ConnectionGuard {
    private let port: UInt16
    private let most: Int
    private var young: [(descriptor: Int32, since: Double)] = []
    private var nextCheck = 0.0

    /// - Parameters:
    ///   - endpoint: where the guarded socket is bound (`tcp://…:port`).
    ///   - most: unfinished handshakes at a time.
    public init?(endpoint: String, most: Int = 512) {
        guard endpoint.hasPrefix("tcp://"), let port = endpoint.split(separator: ":").last.flatMap({ UInt16($0) })
        else {
            return nil
        }
        self.port = port
        self.most = most
    }

    /// Handshakes are under way: `check` should be called every few milliseconds.
    public var isBusy: Bool { !young.isEmpty }

    /// The socket accepted a connection.
    public mutating func accepted(_ descriptor: Int32) {
        young.removeAll { $0.descriptor == descriptor }
        young.append((descriptor, MonotonicClock.now))
    }

    /// - Returns: how many connections were shut down.
    public mutating func check() -> Int {
        let now = MonotonicClock.now
        guard !young.isEmpty, now >= nextCheck || young.count > most else { return 0 }
        nextCheck = now + 0.01
        // Past the handshake's time libzmq has closed it itself, or it is authenticated.
        let limit = Double(SocketSettings().handshakeMilliseconds) / 1000
        let port = port
        var count = 0
        young.removeAll { item in
            guard now - item.since <= limit, let traffic = Self.traffic(item.descriptor, port: port),
                traffic.sent <= Self.mostSent
            else {
                return true
            }
            guard traffic.received > Self.mostReceived else { return false }
            shutdown(item.descriptor, Int32(SHUT_RDWR))
            count += 1
            return true
        }
        while young.count > most {
            shutdown(young.removeFirst().descriptor, Int32(SHUT_RDWR))
            count += 1
        }
        return count
    }

    /// What a CURVE server sends before it admits anybody: greeting (64 bytes), WELCOME (170), or an error (12).
    private static let mostSent: UInt64 = 256
    /// A client's greeting (64), HELLO (202) and INITIATE (below 600) are far below this.
    private static let mostReceived: UInt64 = 4096

    /// libzmq does not say which connection finished its handshake; the kernel knows how many bytes went each way.
    /// - Returns: `nil` where the descriptor is (by now) something else than a connection of the guarded socket.
    private static func traffic(_ descriptor: Int32, port: UInt16) -> (sent: UInt64, received: UInt64)? {
        var address = sockaddr_in6()
        var addressSize = socklen_t(MemoryLayout<sockaddr_in6>.size)
        // The port stands at the same place for IPv4.
        let named = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &addressSize) }
        }
        guard named == 0, [sa_family_t(AF_INET), sa_family_t(AF_INET6)].contains(address.sin6_family),
            UInt16(bigEndian: address.sin6_port) == port
        else { return nil }
        var info = [UInt8](repeating: 0, count: 256)
        var size = socklen_t(info.count)
        // TCP_INFO; tcpi_bytes_acked and tcpi_bytes_received stand at bytes 120 and 128 (Linux 4.1 and later).
        guard getsockopt(descriptor, Int32(IPPROTO_TCP), 11, &info, &size) == 0, size >= 136 else { return nil }
        return info.withUnsafeBytes {
            (
                $0.loadUnaligned(fromByteOffset: 120, as: UInt64.self),
                $0.loadUnaligned(fromByteOffset: 128, as: UInt64.self)
            )
        }
    }
}
