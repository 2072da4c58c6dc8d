import Foundation
import Selection
import Testing

@Suite struct NormalStreamTests {
    private func draws(_ name: String, from first: Int = 0, _ count: Int, seed: UInt64 = 7) -> [Float] {
        [Float](unsafeUninitializedCapacity: count) { buffer, size in
            NormalStream(seed: seed, name: name).fill(buffer.baseAddress!, from: first, count: count)
            size = count
        }
    }

    /// Box and Muller with the system's functions.
    @Test func drawsAreTheFormulasToThePrecisionOfF32() {
        let uniform = RandomStream(seed: 7, name: "w")
        for (index, value) in draws("w", 20_000).enumerated() {
            let pair = index / 2
            let radius = sqrt(-2 * log(1 - uniform.double(2 * pair)))
            let angle = 2 * Double.pi * uniform.double(2 * pair + 1)
            let wanted = radius * (index % 2 == 0 ? cos(angle) : sin(angle))
            #expect(abs(Double(value) - wanted) <= 1e-7 * max(1, abs(wanted)))
        }
    }

    @Test func aDrawHangsOnItsIndexAlone() {
        let all = draws("w", 101)
        for first in [0, 1, 2, 7, 64] {
            for count in [1, 2, 5, 30] { #expect(draws("w", from: first, count) == Array(all[first..<first + count])) }
        }
        #expect(draws("v", 101) != all && draws("w", 101, seed: 8) != all)
    }

    @Test func momentsAreThoseOfTheStandardNormal() {
        let values = draws("moments", 200_000).map { Double($0) }
        let n = Double(values.count)
        let mean = values.reduce(0, +) / n
        let variance = values.reduce(0) { $0 + $1 * $1 } / n
        let fourth = values.reduce(0) { $0 + $1 * $1 * $1 * $1 } / n
        let inside = Double(values.count { abs($0) < 1 }) / n
        // Five standard deviations.
        #expect(abs(mean) < 0.0112 && abs(variance - 1) < 0.0159 && abs(fourth - 3) < 0.11)
        #expect(abs(inside - 0.6827) < 0.0053)
        // Neighbours, which come of one pair, have nothing in common.
        let both = stride(from: 0, to: values.count, by: 2).reduce(0) { $0 + values[$1] * values[$1 + 1] } / (n / 2)
        #expect(abs(both) < 0.016)
    }
}
