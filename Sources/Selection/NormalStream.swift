/// A named, seeded stream of standard normal draws in which every draw has an index: the same from any thread, in any order.
///
/// Draws 2k and 2k + 1 are r cos 2πv and r sin 2πv with r = √(−2 ln u) (Box and Muller 1958), u and v the uniform draws 2k
/// and 2k + 1 of a `RandomStream`. Logarithm, sine and cosine are computed here, with sums, products, quotients and square
/// roots of F64 alone, which are rounded the same on every machine; a system's own differ in their last bits.
public struct NormalStream: Sendable {
    private let uniform: RandomStream

    public init(seed: UInt64, name: String) { uniform = RandomStream(seed: seed, name: name) }

    /// Writes draws `first` to `first + count − 1`, each rounded to F32.
    public func fill(_ destination: UnsafeMutablePointer<Float>, from first: Int, count: Int) {
        var index = first
        let end = first + count
        while index < end {
            let (even, odd) = pair(index >> 1)
            if index & 1 == 0 {
                destination[index - first] = Float(even)
                if index + 1 < end { destination[index + 1 - first] = Float(odd) }
            } else {
                destination[index - first] = Float(odd)
            }
            index = (index | 1) + 1
        }
    }

    private func pair(_ number: Int) -> (Double, Double) {
        // In (0, 1], so that the logarithm is a number.
        let u = 1 - uniform.double(2 * number)
        let radius = (-2 * Self.logarithm(u)).squareRoot()
        let (cosine, sine) = Self.circle(uniform.double(2 * number + 1))
        return (radius * cosine, radius * sine)
    }

    /// ln x of a normal number x > 0: x = m 2ᵉ with m in [√½, √2), ln m = 2 artanh((m − 1) / (m + 1)).
    static func logarithm(_ x: Double) -> Double {
        var m = x.significand
        var e = Double(x.exponent)
        if m > 1.4142135623730951 { (m, e) = (m / 2, e + 1) }
        let s = (m - 1) / (m + 1)
        let square = s * s
        // |s| < 0.172: the terms left out are below 10⁻¹⁷ of the first.
        var sum = 1.0 / 21
        sum = sum * square + 1.0 / 19
        sum = sum * square + 1.0 / 17
        sum = sum * square + 1.0 / 15
        sum = sum * square + 1.0 / 13
        sum = sum * square + 1.0 / 11
        sum = sum * square + 1.0 / 9
        sum = sum * square + 1.0 / 7
        sum = sum * square + 1.0 / 5
        sum = sum * square + 1.0 / 3
        sum = sum * square + 1
        return e * 0.6931471805599453 + 2 * s * sum
    }

    /// cos 2πv and sin 2πv of v in [0, 1), by the series around the nearest quarter turn.
    static func circle(_ v: Double) -> (cosine: Double, sine: Double) {
        let quarter = (4 * v + 0.5).rounded(.down)
        let x = 6.283185307179586 * (v - quarter / 4)
        let square = x * x
        // |x| ≤ π/4: the terms left out are below 10⁻¹⁷.
        var cosine = 1.0 / 20_922_789_888_000
        cosine = cosine * square - 1.0 / 87_178_291_200
        cosine = cosine * square + 1.0 / 479_001_600
        cosine = cosine * square - 1.0 / 3_628_800
        cosine = cosine * square + 1.0 / 40_320
        cosine = cosine * square - 1.0 / 720
        cosine = cosine * square + 1.0 / 24
        cosine = cosine * square - 1.0 / 2
        cosine = cosine * square + 1
        var sine = 1.0 / 355_687_428_096_000
        sine = sine * square - 1.0 / 1_307_674_368_000
        sine = sine * square + 1.0 / 6_227_020_800
        sine = sine * square - 1.0 / 39_916_800
        sine = sine * square + 1.0 / 362_880
        sine = sine * square - 1.0 / 5_040
        sine = sine * square + 1.0 / 120
        sine = sine * square - 1.0 / 6
        sine = (sine * square + 1) * x
        return switch Int(quarter) & 3 {
        case 0: (cosine, sine)
        case 1: (-sine, cosine)
        case 2: (-cosine, -sine)
        default: (sine, -cosine)
        }
    }
}
