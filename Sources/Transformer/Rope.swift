import CKernels
public import Checkpoint
import Glibc

/// Rotary position embedding: cosines and sines of every position's angles.
///
/// Frequencies as in Su et al. 2021; scaling as transformers' `modeling_rope_utils` computes it.
public final class Rope: @unchecked Sendable {
    let half: Int
    private let frequencies: [Double]
    /// Factor on cosines and sines (yarn's attention factor).
    private let amplitude: Double
    private var cosines: [Float] = []
    private var sines: [Float] = []
    private var known = 0
    /// Positions beyond which dynamic scaling would change the frequencies with the sequence.
    private let limit: Int?

    public init(_ config: ModelConfig) {
        let dim = config.headDim
        half = dim / 2
        if case .dynamic = config.ropeScaling { limit = config.maxPositions } else { limit = nil }
        let theta = config.ropeTheta
        var f = (0..<dim / 2).map { 1 / pow(theta, Double(2 * $0) / Double(dim)) }
        var amplitude = 1.0
        switch config.ropeScaling {
        case .none, .dynamic: break
        case .linear(let factor): f = f.map { $0 / factor }
        case .divisors(let divisors): f = zip(f, divisors).map { $0 / Double($1) }
        case .llama3(let factor, let low, let high, let original):
            let longest = Double(original) / low
            let shortest = Double(original) / high
            f = f.map { value in
                let wavelength = 2 * Double.pi / value
                if wavelength < shortest { return value }
                if wavelength > longest { return value / factor }
                let smooth = (Double(original) / wavelength - low) / (high - low)
                return (1 - smooth) * value / factor + smooth * value
            }
        case .yarn(let factor, let original, let fast, let slow, let attention):
            func dimension(_ rotations: Double) -> Double {
                Double(dim) * log(Double(original) / (rotations * 2 * Double.pi)) / (2 * log(theta))
            }
            let low = max(0, floor(dimension(fast)))
            var high = min(Double(dim - 1), ceil(dimension(slow)))
            if low == high { high += 0.001 }
            f = f.enumerated().map { i, value in
                let ramp = min(1, max(0, (Double(i) - low) / (high - low)))
                return value / factor * ramp + value * (1 - ramp)
            }
            amplitude = attention
        }
        frequencies = f
        self.amplitude = amplitude
    }

    /// Computes tables up to `count` positions; called from the compute thread before any tile reads them.
    /// - Throws: `StageError.badBatch` beyond the trained positions of a model with dynamic scaling.
    public func prepare(positions count: Int) throws {
        if let limit, count > limit {
            throw StageError.badBatch(
                "\(count) positions; dynamic rotary scaling is not computed beyond the trained \(limit)")
        }
        guard count > known else { return }
        let target = max(count, known * 2, 256)
        for position in known..<target {
            for f in frequencies {
                // f32 angle, as the reference implementations compute it.
                let angle = Double(Float(position) * Float(f))
                cosines.append(Float(cos(angle) * amplitude))
                sines.append(Float(sin(angle) * amplitude))
            }
        }
        known = target
    }

    /// Rotates one head [headDim] at `position`; `sign` −1 is the transpose, for gradients.
    func rotate(_ head: UnsafeMutablePointer<Float>, position: Int, sign: Float = 1) {
        cosines.withUnsafeBufferPointer { c in
            sines.withUnsafeBufferPointer { s in
                fl_rope(head, c.baseAddress! + position * half, s.baseAddress! + position * half, half, sign)
            }
        }
    }
}
