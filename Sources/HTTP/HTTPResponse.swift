/// An answer, whole in memory; its connection is closed after it.
public struct HTTPResponse: Sendable {
    public var status: Int
    public var contentType: String
    /// In addition to those that every answer has.
    public var headers: [(name: String, value: String)]
    public var body: [UInt8]

    public init(
        status: Int = 200, contentType: String, headers: [(name: String, value: String)] = [], body: [UInt8]
    ) {
        (self.status, self.contentType, self.headers, self.body) = (status, contentType, headers, body)
    }

    public static func text(_ status: Int, _ line: String) -> HTTPResponse {
        HTTPResponse(status: status, contentType: "text/plain; charset=utf-8", body: Array("\(line)\n".utf8))
    }

    /// - Parameter headOnly: the answer to HEAD.
    func encoded(headOnly: Bool) -> [UInt8] {
        var head = "HTTP/1.1 \(status) \(Self.reason(status))\r\n"
        // What is shown is of this moment, for whoever asked, and nothing but what its type says.
        let all =
            [
                ("Content-Type", contentType), ("Content-Length", "\(body.count)"), ("Connection", "close"),
                ("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"),
                ("Referrer-Policy", "no-referrer"),
            ] + headers.map { ($0.name, $0.value) }
        for (name, value) in all { head += "\(name): \(value)\r\n" }
        return Array("\(head)\r\n".utf8) + (headOnly ? [] : body)
    }

    private static func reason(_ status: Int) -> String {
        switch status {
        case 200: "OK"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 408: "Request Timeout"
        case 413: "Content Too Large"
        case 431: "Request Header Fields Too Large"
        case 505: "HTTP Version Not Supported"
        default: "Answer"
        }
    }
}
