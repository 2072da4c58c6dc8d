import Keys
import Testing

struct RefusalLogTests {
    @Test func aMillionRefusalsAreAFewLines() {
        var log = RefusalLog(interval: 10, most: 3)
        #expect(log.lines(for: "a", now: 0) == ["a"])
        #expect(log.lines(for: "a", now: 1) == [])
        #expect(log.lines(for: "b", now: 1) == ["b"])
        var count = 0
        for index in 0..<1_000_000 { count += log.lines(for: "key \(index)", now: 2).count }
        #expect(count == 1)
        #expect(log.lines(for: "a", now: 12) == ["1000000 more connections were refused", "a"])
        #expect(log.lines(for: "a", now: 30) == ["a"])
    }
}
