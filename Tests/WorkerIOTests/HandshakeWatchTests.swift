import Testing
import WorkerIO
import ZeroMQ

/// What a worker makes of a handshake that failed.
struct HandshakeWatchTests {
    private func watch(_ key: String? = "worker-1") -> HandshakeWatch {
        HandshakeWatch(endpoint: "tcp://c:1", keyName: key, patience: 10)
    }

    @Test(arguments: [
        (HandshakeFailure.refused(status: 400), "worker-1" as String?, "refuses the key worker-1"),
        (.refused(status: 500), "worker-1", "could not check"),
        (.mechanism, "worker-1", "uses no keys"), (.mechanism, nil, "start this worker with --keys"),
    ])
    func whatCannotGetBetterEndsAtOnce(failure: HandshakeFailure, key: String?, words: String) {
        var watch = watch(key)
        let reason = watch.note(.handshakeFailed(failure), now: 0)
        #expect(reason?.contains(words) == true && reason?.contains("tcp://c:1") == true)
    }

    @Test(arguments: [HandshakeFailure.cut, .badProtocol(7)])
    func whatMayGetBetterEndsInTime(failure: HandshakeFailure) {
        var watch = watch()
        #expect(watch.hint.isEmpty)
        for second in 0..<10 { #expect(watch.note(.handshakeFailed(failure), now: Double(second)) == nil) }
        #expect(!watch.hint.isEmpty)
        #expect(watch.note(.handshakeFailed(failure), now: 10)?.contains("server key") == true)
    }

    @Test func aHandshakeThatSucceedsStartsAnew() {
        var watch = watch()
        for second in 0..<9 { #expect(watch.note(.handshakeFailed(.cut), now: Double(second)) == nil) }
        #expect(watch.note(.handshakeSucceeded, now: 9) == nil)
        for second in 9..<19 { #expect(watch.note(.handshakeFailed(.cut), now: Double(second)) == nil) }
        #expect(watch.note(.connected, now: 99) == nil && watch.note(.disconnected, now: 99) == nil)
    }
}
