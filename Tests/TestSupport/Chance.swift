import Foundation

/// SplitMix64: random numbers that a seed gives again.
package struct Chance {
    /// The first seed of tests that draw at random: `FAULTLINE_SEED`, else 1.
    package static let firstSeed = ProcessInfo.processInfo.environment["FAULTLINE_SEED"].flatMap { UInt64($0) } ?? 1

    private var state: UInt64

    package init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
    package mutating func fraction() -> Double { Double(next() >> 11) / 9_007_199_254_740_992 }
    package mutating func below(_ count: Int) -> Int { Int(next() % UInt64(count)) }
}
