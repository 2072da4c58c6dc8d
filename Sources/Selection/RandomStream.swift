/// A named, seeded stream of random numbers in which every draw has an index: the same from any thread, in any order.
///
/// Draw i is the SplitMix64 output (Steele et al. 2014) at position i of a sequence that starts at a hash of seed and name.
public struct RandomStream: Sendable {
    private let start: UInt64

    public init(seed: UInt64, name: String) {
        // FNV-1a over the name, so that the bytes decide and not Swift's per-process hashing.
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        start = Self.mix(Self.mix(seed &+ 0x9E37_79B9_7F4A_7C15) ^ hash)
    }

    /// 64 random bits.
    public func bits(_ index: Int) -> UInt64 {
        Self.mix(start &+ (UInt64(truncatingIfNeeded: index) &+ 1) &* 0x9E37_79B9_7F4A_7C15)
    }

    /// Uniform in [0, 1), a multiple of 2⁻²⁴.
    public func float(_ index: Int) -> Float { Float(bits(index) >> 40) * 0x1p-24 }

    /// Uniform in [0, 1), a multiple of 2⁻⁵³.
    public func double(_ index: Int) -> Double { Double(bits(index) >> 11) * 0x1p-53 }

    /// Uniform in 0..<bound (the bias, below bound / 2⁶⁴, is accepted).
    public func integer(_ index: Int, below bound: Int) -> Int {
        precondition(bound > 0, "a random number below \(bound)")
        return Int(bits(index).multipliedFullWidth(by: UInt64(bound)).high)
    }

    /// `count` different numbers of 0..<population in random order (Fisher–Yates).
    public func sample(_ count: Int, of population: Int) -> [Int] {
        precondition(count >= 0 && count <= population, "a sample of \(count) from \(population)")
        var numbers = Array(0..<population)
        for index in 0..<count { numbers.swapAt(index, index + integer(index, below: population - index)) }
        return Array(numbers[..<count])
    }

    private static func mix(_ value: UInt64) -> UInt64 {
        var z = value
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
