import Selection
import Testing

@Suite struct RandomStreamTests {
    /// Masks and samples of published runs rest on these numbers: they must never change.
    /// SplitMix64 over FNV-1a, computed independently in Python.
    @Test func bytesAreStable() {
        let stream = RandomStream(seed: 42, name: "random")
        #expect((0..<3).map { stream.bits($0) } == [0xf212c592bd1a3b32, 0xcc11ddef027c37af, 0x32537e5f8383a55f])
    }

    @Test func drawsAreUniform() {
        let stream = RandomStream(seed: 1, name: "uniform")
        let count = 100_000
        let draws = (0..<count).map { stream.float($0) }
        #expect(draws.allSatisfy { $0 >= 0 && $0 < 1 })
        var buckets = [Int](repeating: 0, count: 10)
        for draw in draws { buckets[Int(draw * 10)] += 1 }
        // Six standard deviations of a binomial with p = 0.1.
        #expect(buckets.allSatisfy { abs($0 - count / 10) < 570 })
    }

    @Test func namesAndSeedsSeparateStreams() {
        let draws = [("a", 1), ("b", 1), ("a", 2), ("", 1)].map { RandomStream(seed: UInt64($0.1), name: $0.0).bits(0) }
        #expect(Set(draws).count == 4)
    }

    @Test func samplesAreDistinctAndOnlyOrdered() {
        let stream = RandomStream(seed: 5, name: "sample")
        let sample = stream.sample(20, of: 50)
        #expect(Set(sample).count == 20)
        #expect(sample.allSatisfy { (0..<50).contains($0) })
        #expect(Set(stream.sample(50, of: 50)) == Set(0..<50))
        #expect(stream.sample(5, of: 50) == Array(sample.prefix(5)))
    }
}
