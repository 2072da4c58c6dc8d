import Keys
import Testing

struct RefusalLogTests {
    @Test func aMillionRefusalsAreAFewLines() {
        var log = RefusalLog<String>(interval: 10, most: 3)
        #expect(log.admit("a", now: 0) == (0, true))
        #expect(log.admit("a", now: 1) == (0, false))
        #expect(log.admit("b", now: 1) == (0, true))
        var count = 0
        for index in 0..<1_000_000 where log.admit("key \(index)", now: 2).isTold { count += 1 }
        #expect(count == 1)
        #expect(log.admit("a", now: 12) == (1_000_000, true))
        #expect(log.admit("a", now: 30) == (0, true))
    }
}
