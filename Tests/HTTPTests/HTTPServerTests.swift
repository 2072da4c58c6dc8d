import HTTP
import TestSupport
import Testing

@Suite struct HTTPServerTests {
    private func withServer<R>(
        _ limits: HTTPServer.Limits = HTTPServer.Limits(), body: String = "hello",
        _ run: (HTTPServer) throws -> R
    ) throws -> R {
        let server = try HTTPServer(host: "127.0.0.1", port: 0, limits: limits) { request, peer in
            request.path == "/" ? .text(200, "\(body) \(peer)") : .text(404, "nothing at \(request.path)")
        }
        server.start()
        defer { server.stop() }
        return try run(server)
    }

    private func ask(_ server: HTTPServer, _ text: String) throws -> String? {
        let client = try #require(RawClient(port: server.port))
        client.say(text)
        return client.hear()
    }

    @Test func pagesAreServed() throws {
        try withServer { server in
            #expect(server.isLoopback && server.port > 0)
            let answer = try HTTPClient.get(host: "127.0.0.1", port: server.port, path: "/?x=1")
            #expect(answer.status == 200 && String(decoding: answer.body, as: UTF8.self) == "hello 127.0.0.1\n")
            #expect(try HTTPClient.get(host: "localhost", port: server.port, path: "/x").status == 404)
            let head = try #require(try ask(server, "HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n"))
            #expect(head.contains("Content-Length: 16\r\n") && head.hasSuffix("\r\n\r\n"))
        }
    }

    @Test(arguments: [
        ("POST / HTTP/1.1\r\nHost: x\r\n\r\n", 405), ("GET / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", 413),
        ("GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 413), ("GET / HTTP/2.0\r\n\r\n", 505),
        ("\u{16}\u{3}\u{1}\u{2}\u{1}\u{FC}\n\n", 400), ("GET  / HTTP/1.1\r\n\r\n", 400), ("\r\n\r\n", 400),
        ("GET http://x/ HTTP/1.1\r\n\r\n", 400), ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nno name\r\n\r\n", 400),
    ])
    func whatIsNoRequestForAPageIsRefused(request: String, status: Int) throws {
        try withServer { server in
            let answer = try #require(try ask(server, request))
            #expect(answer.hasPrefix("HTTP/1.1 \(status) "), "\(answer)")
            #expect(try HTTPClient.get(host: "127.0.0.1", port: server.port, path: "/").status == 200)
        }
    }

    @Test func aLongRequestIsRefusedWhileItComes() throws {
        try withServer { server in
            let client = try #require(RawClient(port: server.port))
            client.say("GET / HTTP/1.1\r\n")
            // The server may stop reading at any of these.
            for index in 0..<2000 where !client.say("X-\(index): \(String(repeating: "x", count: 100))\r\n") { break }
            #expect(client.hear()?.hasPrefix("HTTP/1.1 431 ") == true)
        }
    }

    @Test func aSilentClientIsCutOff() throws {
        var limits = HTTPServer.Limits()
        limits.requestSeconds = 0.2
        try withServer(limits) { server in
            let answer = try ask(server, "GET / HTTP/1.1\r\nX: ")
            #expect(answer?.hasPrefix("HTTP/1.1 408 ") == true)
        }
    }

    @Test func idleConnectionsDoNotKeepOthersOut() throws {
        var limits = HTTPServer.Limits()
        limits.connections = 4
        limits.requestSeconds = 600
        try withServer(limits) { server in
            let idle = try (0..<20).map { _ in try #require(RawClient(port: server.port)) }
            #expect(try HTTPClient.get(host: "127.0.0.1", port: server.port, path: "/", seconds: 30).status == 200)
            // The first came first, and went first.
            #expect(idle[0].hear() == "")
        }
    }

    @Test func aClientThatDoesNotReadCostsNobodyElse() throws {
        var limits = HTTPServer.Limits()
        limits.answerSeconds = 0.5
        try withServer(limits, body: String(repeating: "x", count: 32 << 20)) { server in
            let slow = try #require(RawClient(port: server.port))
            slow.narrow()
            slow.say("GET / HTTP/1.1\r\n\r\n")
            #expect(try HTTPClient.get(host: "127.0.0.1", port: server.port, path: "/x", seconds: 30).status == 404)
            // A client that hangs up in the middle of its answer must not end this program by a signal.
            try #require(RawClient(port: server.port)).say("GET / HTTP/1.1\r\n\r\n")
            #expect(try HTTPClient.get(host: "127.0.0.1", port: server.port, path: "/x", seconds: 30).status == 404)
        }
    }

    @Test func aTakenPortAndASilentOneAreSaid() throws {
        try withServer { server in
            _ = #expect(throws: HTTPError.inUse) {
                try HTTPServer(host: "127.0.0.1", port: server.port) { _, _ in .text(200, "") }
            }
        }
        #expect(throws: HTTPError.self) {
            try HTTPServer(host: "no.such.host.invalid", port: 0) { _, _ in .text(200, "") }
        }
        let port = try withServer { $0.port }
        #expect(throws: HTTPError.unreachable("connection refused")) {
            try HTTPClient.get(host: "127.0.0.1", port: port, path: "/")
        }
    }
}
