import TestSupport
import Testing
import ZeroMQ

/// CURVE and ZAP of this libzmq, on real sockets over loopback TCP.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct DoorTests {
    /// A server, one client, and what became of their handshake.
    private func handshake(
        _ security: (CurveKeyPair) -> SocketSecurity, server: CurveKeyPair, authenticated: Bool = true,
        seconds: Double = 5, decide: (HandshakeRequest) -> Admission
    ) throws -> (event: ConnectionEvent?, userIDs: [String?]) {
        let client = try CurveKeyPair.generate()
        let context = Context()
        let authenticator = authenticated ? try Authenticator(in: context) : nil
        let door = try Socket(.router, in: context, security: .server(server, domain: "test"))
        let endpoint = try door.bind("tcp://127.0.0.1:*")
        let dealer = try Socket(.dealer, in: context, security: security(client))
        let monitor = try Monitor(of: dealer, in: context, name: "client")
        dealer.closeWithoutLinger()
        try dealer.connect(endpoint)
        _ = try dealer.send([.bytes([1]), .bytes([2])])
        let deadline = ContinuousClock.now + .seconds(seconds)
        var outcome: ConnectionEvent?
        while ContinuousClock.now < deadline {
            Poller.wait([door, monitor.socket] + (authenticator.map { [$0.socket] } ?? []), milliseconds: 20)
            try authenticator?.answer(decide)
            while let event = try monitor.next() {
                switch event {
                case .handshakeSucceeded, .handshakeFailed: outcome = outcome ?? event
                default: break
                }
            }
            if let frames = try door.receive() { return (outcome, frames.map(\.userID)) }
            if case .handshakeFailed = outcome { return (outcome, []) }
        }
        return (outcome, [])
    }

    private let server: CurveKeyPair

    init() throws { server = try .generate() }

    @Test func whoIsAdmittedIsNamedInTheLastFrame() throws {
        let result = try handshake({ .client($0, server: server.publicKey) }, server: server) {
            #expect($0.domain == "test" && $0.address == "127.0.0.1" && Z85.isKey($0.publicKey))
            return .admit(userID: "worker/x")
        }
        #expect(result.event == .handshakeSucceeded)
        #expect(result.userIDs.count == 3 && result.userIDs.last == "worker/x")
    }

    @Test func whoIsRefusedIsToldSo() throws {
        let result = try handshake({ .client($0, server: server.publicKey) }, server: server) { _ in .refuse }
        #expect(result.event == .handshakeFailed(.refused(status: 400)) && result.userIDs.isEmpty)
    }

    @Test func whoHasToWaitComesInLater() throws {
        var calls = 0
        let result = try handshake({ .client($0, server: server.publicKey) }, server: server) { _ in
            calls += 1
            return calls < 20 ? .wait : .admit(userID: "late")
        }
        #expect(result.event == .handshakeSucceeded && result.userIDs.last == "late" && calls == 20)
    }

    @Test func plainAndWrongServerKeysNeverReachTheHandler() throws {
        let plain = try handshake({ _ in .plain }, server: server) { _ in
            Issue.record("asked")
            return .admit(userID: "x")
        }
        #expect(plain.event == .handshakeFailed(.mechanism))
        let wrong = try CurveKeyPair.generate()
        let other = try handshake({ .client($0, server: wrong.publicKey) }, server: server) { _ in
            Issue.record("asked")
            return .admit(userID: "x")
        }
        #expect(other.event == .handshakeFailed(.cut))
    }

    /// libzmq 4.3.4 without option 93 would let everybody in here.
    @Test func withoutAHandlerNobodyComesIn() throws {
        let result = try handshake(
            { .client($0, server: server.publicKey) }, server: server, authenticated: false, seconds: 2
        ) { _ in .admit(userID: "x") }
        #expect(result.userIDs.isEmpty && result.event != .handshakeSucceeded)
    }

    @Test(arguments: [
        (true, Admission.refuse, StrangerTest.Fault?.none), (true, .admit(userID: "x"), .admitted),
        (false, .refuse, .notAsked),
    ])
    func theSelfTestSeesWhatIsWrong(authenticated: Bool, admission: Admission, fault: StrangerTest.Fault?) throws {
        let stranger = try CurveKeyPair.generate()
        let context = Context()
        let authenticator = authenticated ? try Authenticator(in: context) : nil
        let door = try Socket(.router, in: context, security: .server(server, domain: "test"))
        let endpoint = try door.bind("tcp://0.0.0.0:*")
        var found: StrangerTest.Fault?
        do {
            try StrangerTest.run(
                endpoint, in: context, stranger: stranger, server: server.publicKey, authenticator: authenticator
            ) { _ in admission }
        } catch { found = error }
        #expect(found == fault)
    }

    @Test func keysAreCheckedBeforeUse() throws {
        let pair = try CurveKeyPair.generate()
        #expect(CurveKeyPair(secretKey: pair.secretKey) == pair)
        for text in [
            "", "x", String(repeating: " ", count: 40), String(repeating: "#", count: 40), pair.secretKey + "0",
        ] {
            #expect(!Z85.isKey(text) && CurveKeyPair(secretKey: text) == nil)
        }
        #expect(Z85.isKey(pair.publicKey))
        #expect(throws: ZeroMQError.self) {
            try Socket(.dealer, in: Context(), security: .client(pair, server: "no key"))
        }
    }
}
