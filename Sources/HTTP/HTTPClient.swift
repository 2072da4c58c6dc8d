import Foundation
import Tensors

/// Asks a server of pages for one of them.
public enum HTTPClient {
    public struct Answer: Sendable {
        public var status: Int
        public var body: [UInt8]
    }

    /// - Parameters:
    ///   - seconds: for all of it.
    ///   - limit: bytes of an answer that are taken.
    /// - Throws: `HTTPError`.
    public static func get(
        host: String, port: UInt16, path: String, headers: [(name: String, value: String)] = [], seconds: Double = 10,
        limit: Int = 64 << 20
    ) throws(HTTPError) -> Answer {
        let deadline = MonotonicClock.now + seconds
        let descriptor = try TCPSocket.connect(host: host, port: port, until: deadline)
        defer { close(descriptor) }
        // 1.0: the end of the connection ends the answer, also behind a proxy.
        let name = host.contains(":") ? "[\(host)]" : host
        var head = "GET \(path) HTTP/1.0\r\nHost: \(name):\(port)\r\n"
        for (name, value) in headers { head += "\(name): \(value)\r\n" }
        let request = Array("\(head)\r\n".utf8)
        var sent = 0
        while sent < request.count {
            try TCPSocket.wait(descriptor, POLLOUT, until: deadline)
            let count = TCPSocket.send(descriptor, request, from: sent)
            if count < 0, errno == EINTR || errno == EAGAIN { continue }
            guard count > 0 else { throw .unreachable(TCPSocket.reason(errno)) }
            sent += count
        }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            try TCPSocket.wait(descriptor, POLLIN, until: deadline)
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count < 0, errno == EINTR || errno == EAGAIN { continue }
            guard count >= 0 else { throw .unreachable(TCPSocket.reason(errno)) }
            if count == 0 { break }
            bytes += buffer.prefix(count)
            guard bytes.count <= limit else { throw .garbled("its answer is too long") }
        }
        return try answer(bytes)
    }

    private static func answer(_ bytes: [UInt8]) throws(HTTPError) -> Answer {
        let separator = Array("\r\n\r\n".utf8)
        var end = 0
        while end + 4 <= bytes.count, Array(bytes[end..<end + 4]) != separator {
            guard end < 65536 else { throw .garbled("its answer is not HTTP") }
            end += 1
        }
        guard end + 4 <= bytes.count, bytes.starts(with: "HTTP/1.".utf8) else {
            throw .garbled(bytes.isEmpty ? "it hangs up without a word" : "its answer is not HTTP")
        }
        let lines = String(decoding: bytes[..<end], as: UTF8.self).split(separator: "\r\n")
        let parts = lines[0].split(separator: " ")
        guard parts.count > 1, let status = Int(parts[1]) else { throw .garbled("its answer is not HTTP") }
        let body = Array(bytes[(end + 4)...])
        for line in lines.dropFirst() where line.lowercased().hasPrefix("content-length:") {
            let length = Int(line.dropFirst(15).filter { $0 != " " })
            guard length == body.count else { throw .garbled("its answer is cut off") }
        }
        return Answer(status: status, body: body)
    }
}
