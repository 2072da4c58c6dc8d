import Foundation

/// Connections of people who have no key: some silent, some slow, some that send a frame far too large for a handshake.
final class Strangers {
    private var descriptors: [Int32] = []
    private var sent: [Int] = []
    var connected: Int { descriptors.count }

    init(port: UInt16, count: Int) {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        for _ in 0..<count {
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            guard descriptor >= 0 else { return }
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            address.sin_addr.s_addr = inet_addr("127.0.0.1")
            let status = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            guard status == 0 else {
                close(descriptor)
                continue
            }
            _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
            descriptors.append(descriptor)
        }
        sent = [Int](repeating: 0, count: descriptors.count)
    }

    deinit { for descriptor in descriptors { close(descriptor) } }

    /// ZMTP 3.0 greeting for CURVE, then a command frame that claims a mebibyte.
    private static let bytes: [UInt8] = {
        var bytes: [UInt8] = [0xFF, 0, 0, 0, 0, 0, 0, 0, 1, 0x7F, 3, 0] + Array("CURVE".utf8)
        bytes += [UInt8](repeating: 0, count: 64 - bytes.count)
        bytes += [0x06, 0, 0, 0, 0, 0, 0x10, 0, 0, 5] + Array("HELLO".utf8)
        return bytes + [UInt8](repeating: 7, count: 1 << 20)
    }()

    /// A third sends all it can, a third a byte at a time, a third nothing.
    func push(seconds: Double) {
        let deadline = Date(timeIntervalSinceNow: seconds)
        while Date() < deadline {
            for (index, descriptor) in descriptors.enumerated() where index % 3 < 2 {
                let start = sent[index]
                let rest = Self.bytes.count - 100 - start
                guard rest > 0 else { continue }
                let count = Self.bytes.withUnsafeBytes {
                    send(descriptor, $0.baseAddress! + start, index % 3 == 0 ? rest : 1, Int32(MSG_NOSIGNAL))
                }
                if count > 0 { sent[index] += count }
            }
            usleep(2_000)
        }
    }
}

/// What a process holds of memory, in bytes.
enum Memory {
    static func resident(_ pid: Int32) -> Int? { value("VmRSS:", pid) }
    static func peak(_ pid: Int32) -> Int? { value("VmHWM:", pid) }

    private static func value(_ name: String, _ pid: Int32) -> Int? {
        guard let text = try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8),
            let line = text.split(separator: "\n").first(where: { $0.hasPrefix(name) }),
            let number = line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap({ Int($0) })
        else { return nil }
        return number << 10
    }
}
