import Protocol
import Scheduling
import Testing
import ZeroMQ

struct EndpointTests {
    @Test(arguments: [
        ("127.0.0.1:5555", "tcp://127.0.0.1:5555"), ("tcp://localhost:1", "tcp://localhost:1"),
        ("ipc:///x", "ipc:///x"), ("[::1]:9", "tcp://[::1]:9"), ("tcp://localhost:0", "tcp://localhost:0"),
        ("tcp://127.0.0.1:*", "tcp://127.0.0.1:*"), ("lo:65535", "tcp://lo:65535"),
    ])
    func loopbackIsTaken(text: String, endpoint: String) throws {
        #expect(try Endpoint.checked(text, insecure: false) == endpoint)
    }

    @Test(arguments: [
        "0.0.0.0:5555", "*:1", "*:0", "192.168.1.4:5", "127.0.0.1.example.org:5", "example.org:80", "[::]:5",
        "[fe80::1%eth0]:5", "node_7:5", "bücher.example:5",
    ])
    func beyondNeedsTheFlag(text: String) throws {
        #expect(throws: Endpoint.Refusal.self) { try Endpoint.checked(text, insecure: false) }
        #expect(try Endpoint.checked(text, insecure: true) == "tcp://\(text)")
    }

    @Test(arguments: [
        ("", "not an address"), ("host", "with a port"), ("tcp://0.0.0.0", "with a port"),
        ("tcp://[::1]", "with a port"),
        ("host:port", "port is not a port"), ("host:", "no port"), (":5", "is not a host"),
        ("udp://a:1", "not an address"), ("tcp://udp://a:1", "not an address"), ("h:70000", "70000 is not a port"),
        ("h:-1", "-1 is not a port"), ("h:+80", "+80 is not a port"), ("h:8 0", "8 0 is not a port"),
        ("h:000080", "is not a port"), ("h:５", "is not a port"), ("a b:5", "a b is not a host"),
        ("a;b:5", "is not a host"), ("[h]:5", "is not a host"), ("[::1:5", "is not a host"),
        ("::1:5555", "in brackets"), ("::1", "in brackets"), ("fe80::2", "in brackets"), ("ipc://", "no path"),
        ("h\u{1B}[2J:5", "is not a host"),
    ])
    func nonsenseIsRefused(text: String, words: String) {
        let refusal = #expect(throws: Endpoint.Refusal.self) { try Endpoint.checked(text, insecure: true) }
        #expect(refusal?.description.contains(words) == true, "\(refusal?.description ?? "")")
    }

    @Test(arguments: ["127.0.0.1:0", "localhost:*", "0.0.0.0:5555", "*:5555", "[::]:5555"])
    func whereNobodyCanBeReachedNobodyConnects(text: String) {
        let refusal = #expect(throws: Endpoint.Refusal.self) {
            try Endpoint.checked(text, insecure: true, connects: true)
        }
        #expect(refusal?.description.contains("nobody can be reached there") == true)
    }

    @Test(arguments: [
        ("::1", "[::1]"), ("[::1]", "[::1]"), ("fd00::2", "[fd00::2]"), ("10.0.0.1", "10.0.0.1"),
        ("node7", "node7"), ("fe80::1%eth0", "[fe80::1%eth0]"),
    ])
    func anOwnAddressIsWrittenAsEndpointsHaveIt(text: String, host: String) throws {
        #expect(try Endpoint.checkedHost(text, insecure: true) == host)
    }

    @Test(arguments: ["0.0.0.0", "*", "::", "[::]", "", "10.0.0.1:5", "a b", "tcp://10.0.0.1", "[10.0.0.1]"])
    func whatOthersCannotConnectToIsNoOwnAddress(text: String) {
        #expect(throws: Endpoint.Refusal.self) { try Endpoint.checkedHost(text, insecure: true) }
    }

    @Test func anOwnAddressBeyondLoopbackNeedsTheFlag() throws {
        #expect(try Endpoint.checkedHost("::1", insecure: false) == "[::1]")
        #expect(throws: Endpoint.Refusal.self) { try Endpoint.checkedHost("10.0.0.1", insecure: false) }
    }
}

struct HostAddressTests {
    @Test(arguments: ["127.0.0.1", "*", "[::1]", "0.0.0.0", "[fe80::1%lo]"]) func numbersStay(host: String) throws {
        #expect(HostAddress.isNumeric(host))
        #expect(try HostAddress.addresses(of: host) == [host])
        #expect(try HostAddress.resolved("tcp://\(host):5") == "tcp://\(host):5")
    }

    @Test func namesAreLookedUp() throws {
        #expect(!HostAddress.isNumeric("localhost") && !HostAddress.isNumeric("::1") && !HostAddress.isNumeric("[x]"))
        #expect(try HostAddress.addresses(of: "localhost")[0] == "127.0.0.1")
        #expect(try HostAddress.resolved("tcp://localhost:0") == "tcp://127.0.0.1:0")
        #expect(try HostAddress.resolved("tcp://lo:0") == "tcp://lo:0")
        #expect(try HostAddress.resolved("ipc:///x") == "ipc:///x")
    }

    @Test func aNameOfNobodyIsSaid() {
        let fault = #expect(throws: HostAddress.Unknown.self) { try HostAddress.resolved("tcp://no.such.invalid:5") }
        #expect(fault?.description.hasPrefix("no.such.invalid: no such host: ") == true)
    }

    @Test func aSocketListensAtALookedUpName() throws {
        let socket = try Socket(.router, in: Context())
        let bound = try socket.bind(HostAddress.resolved("tcp://localhost:0"))
        #expect(bound.hasPrefix("tcp://127.0.0.1:") && !bound.hasSuffix(":0"))
    }
}
