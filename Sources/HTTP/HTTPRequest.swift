/// The head of a request, which is all that a server of pages reads: requests with a body are refused.
public struct HTTPRequest: Sendable, Equatable {
    public var method: String
    /// Begins with `/`; without the query.
    public var path: String
    /// By lower-case name.
    public var headers: [String: String]

    public init(method: String, path: String, headers: [String: String] = [:]) {
        (self.method, self.path, self.headers) = (method, path, headers)
    }

    /// - Parameter bytes: what has come so far (RFC 9112).
    /// - Returns: `nil` where the head is not complete yet.
    /// - Throws: `HTTPFault` for what is no request, or has a body.
    public static func parse(_ bytes: [UInt8]) throws(HTTPFault) -> HTTPRequest? {
        guard let end = headEnd(bytes) else { return nil }
        guard bytes[..<end].allSatisfy({ $0 >= 32 && $0 != 127 || $0 == 9 || $0 == 10 || $0 == 13 }) else {
            throw HTTPFault(400, "control characters in the request")
        }
        var lines = bytes[..<end].split(separator: 10, omittingEmptySubsequences: false).map { line in
            String(decoding: line.last == 13 ? line.dropLast() : line, as: UTF8.self)
        }[...]
        let parts = lines.removeFirst().split(separator: " ", omittingEmptySubsequences: false)
        guard parts.count == 3, isToken(parts[0]), parts[2].hasPrefix("HTTP/") else {
            throw HTTPFault(400, "this is no HTTP request")
        }
        guard parts[2] == "HTTP/1.1" || parts[2] == "HTTP/1.0" else { throw HTTPFault(505, "HTTP/1.1 is spoken here") }
        guard parts[1].hasPrefix("/") else { throw HTTPFault(400, "the path has to begin with /") }
        var headers: [String: String] = [:]
        for line in lines where !line.isEmpty {
            guard let colon = line.firstIndex(of: ":"), isToken(line[..<colon]) else {
                throw HTTPFault(400, "a header without a name")
            }
            let name = line[..<colon].lowercased()
            let value = trimmed(line[line.index(after: colon)...])
            // What decides who speaks, and where the request ends, may not be said twice.
            if let before = headers[name] {
                guard !["host", "authorization", "content-length"].contains(name) else {
                    throw HTTPFault(400, "two \(name) headers")
                }
                headers[name] = "\(before), \(value)"
            } else {
                headers[name] = value
            }
        }
        guard headers["transfer-encoding"] == nil, headers["content-length"] ?? "0" == "0" else {
            throw HTTPFault(413, "requests have no body here")
        }
        return HTTPRequest(
            method: String(parts[0]), path: String(parts[1].prefix { $0 != "?" && $0 != "#" }), headers: headers)
    }

    /// Where the empty line is that ends the head.
    private static func headEnd(_ bytes: [UInt8]) -> Int? {
        var start = 0
        while let feed = bytes[start...].firstIndex(of: 10) {
            let length = feed - start - (feed > start && bytes[feed - 1] == 13 ? 1 : 0)
            // An empty first line is no head, but ends the reading all the same.
            if length == 0 { return feed }
            start = feed + 1
        }
        return nil
    }

    /// RFC 9110, 5.6.2.
    private static func isToken(_ text: Substring) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                switch byte {
                case 48...57, 65...90, 97...122: true
                default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
                }
            }
    }

    private static func trimmed(_ text: Substring) -> String {
        var text = text
        while let first = text.first, first == " " || first == "\t" { text.removeFirst() }
        while let last = text.last, last == " " || last == "\t" { text.removeLast() }
        return String(text)
    }
}

/// A request that is refused, and why: a status of HTTP and a reason for whoever sent it.
public struct HTTPFault: Error, Sendable, Equatable {
    public var status: Int
    public var reason: String

    public init(_ status: Int, _ reason: String) { (self.status, self.reason) = (status, reason) }
}
