import CKernels
import Glibc

/// Chooses the next token from logits.
public enum Sampler {
    /// Greedy where `temperature` is 0 (the lower id where logits tie); else a draw from softmax(logits / temperature)
    /// that depends on (seed, stream, step) alone.
    public static func next(
        _ logits: UnsafePointer<Float>, count: Int, temperature: Float, seed: UInt64, stream: UInt64, step: Int
    ) -> Int32 {
        guard temperature > 0 else { return Int32(fl_argmax(logits, count)) }
        var largest = -Float.infinity
        for i in 0..<count { largest = max(largest, logits[i]) }
        var total = 0.0
        for i in 0..<count { total += exp(Double((logits[i] - largest) / temperature)) }
        let target = uniform(seed: seed, stream: stream, step: UInt64(step)) * total
        var sum = 0.0
        for i in 0..<count {
            sum += exp(Double((logits[i] - largest) / temperature))
            if sum > target { return Int32(i) }
        }
        return Int32(fl_argmax(logits, count))
    }

    /// A counter-based draw in [0, 1): SplitMix64's finalizer (Steele et al. 2014) over the three words in turn.
    static func uniform(seed: UInt64, stream: UInt64, step: UInt64) -> Double {
        var z: UInt64 = 0x9E37_79B9_7F4A_7C15
        for word in [seed, stream, step] {
            z = (z ^ word) &+ 0x9E37_79B9_7F4A_7C15
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            z ^= z >> 31
        }
        return Double(z >> 11) * 0x1p-53
    }
}
