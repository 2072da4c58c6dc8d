import Protocol
import Testing

struct EndpointTests {
    @Test(arguments: [
        ("127.0.0.1:5555", "tcp://127.0.0.1:5555"), ("tcp://localhost:1", "tcp://localhost:1"),
        ("ipc:///x", "ipc:///x"),
        ("[::1]:9", "tcp://[::1]:9"),
    ])
    func loopbackIsTaken(text: String, endpoint: String) throws {
        #expect(try Endpoint.checked(text, insecure: false) == endpoint)
    }

    @Test(arguments: ["0.0.0.0:5555", "*:1", "192.168.1.4:5", "127.0.0.1.example.org:5", "example.org:80"])
    func beyondNeedsTheFlag(text: String) throws {
        #expect(throws: Endpoint.Refusal.self) { try Endpoint.checked(text, insecure: false) }
        #expect(try Endpoint.checked(text, insecure: true) == "tcp://\(text)")
    }

    @Test(arguments: ["", "host", "host:port", ":5", "udp://a:1", "h:70000"])
    func nonsenseIsRefused(text: String) {
        #expect(throws: Endpoint.Refusal.self) { try Endpoint.checked(text, insecure: true) }
    }
}
