/// Python's `random.Random`: the Mersenne Twister MT19937 (Matsumoto and Nishimura 1998), seeded and used as CPython does.
///
/// EleutherAI's harness shuffles its documents with `random.Random(42).shuffle`; which 200 are asked follows from it.
public struct PythonRandom: Sendable {
    private static let size = 624
    private static let middle = 397
    private var state: [UInt32]
    private var index = Self.size

    /// `random.Random(seed)` for a seed that is not negative.
    public init(seed: UInt64) {
        // CPython seeds by the number's 32-bit digits, lowest first.
        let high = UInt32(truncatingIfNeeded: seed >> 32)
        let key = [UInt32(truncatingIfNeeded: seed)] + (high == 0 ? [] : [high])
        state = Self.linear(19_650_218)
        var i = 1
        var j = 0
        func mixed(_ i: Int, _ factor: UInt32) -> UInt32 {
            state[i] ^ (state[i - 1] ^ (state[i - 1] >> 30)) &* factor
        }
        func advance() {
            i += 1
            guard i >= Self.size else { return }
            state[0] = state[Self.size - 1]
            i = 1
        }
        for _ in 0..<max(Self.size, key.count) {
            state[i] = mixed(i, 1_664_525) &+ key[j] &+ UInt32(j)
            j = (j + 1) % key.count
            advance()
        }
        for _ in 0..<Self.size - 1 {
            state[i] = mixed(i, 1_566_083_941) &- UInt32(i)
            advance()
        }
        state[0] = 0x8000_0000
    }

    private static func linear(_ seed: UInt32) -> [UInt32] {
        var state = [seed]
        for i in 1..<size {
            let last = state[i - 1]
            state.append(1_812_433_253 &* (last ^ (last >> 30)) &+ UInt32(i))
        }
        return state
    }

    /// The next 32 bits.
    private mutating func next() -> UInt32 {
        if index >= Self.size { twist() }
        var y = state[index]
        index += 1
        y ^= y >> 11
        y ^= (y << 7) & 0x9D2C_5680
        y ^= (y << 15) & 0xEFC6_0000
        return y ^ (y >> 18)
    }

    private mutating func twist() {
        for i in 0..<Self.size {
            let y = (state[i] & 0x8000_0000) | (state[(i + 1) % Self.size] & 0x7FFF_FFFF)
            let odd: UInt32 = y & 1 == 0 ? 0 : 0x9908_B0DF
            state[i] = state[(i + Self.middle) % Self.size] ^ (y >> 1) ^ odd
        }
        index = 0
    }

    /// `getrandbits(count)`, 1 to 64 bits.
    public mutating func bits(_ count: Int) -> UInt64 {
        precondition((1...64).contains(count), "\(count) random bits")
        let low = UInt64(count < 32 ? next() >> UInt32(32 - count) : next())
        guard count > 32 else { return low }
        return low | UInt64(next() >> UInt32(64 - count)) << 32
    }

    /// `randrange(bound)`.
    public mutating func integer(below bound: Int) -> Int {
        precondition(bound > 0, "a random number below \(bound)")
        let width = Int.bitWidth - bound.leadingZeroBitCount
        while true {
            let value = bits(width)
            if value < UInt64(bound) { return Int(value) }
        }
    }

    /// `shuffle(values)`.
    public mutating func shuffle<T>(_ values: inout [T]) {
        for i in stride(from: values.count - 1, to: 0, by: -1) { values.swapAt(i, integer(below: i + 1)) }
    }
}
