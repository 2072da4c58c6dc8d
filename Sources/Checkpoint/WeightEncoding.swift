import CKernels

/// How a weight's elements are stored: the floating-point types, and the quantised block types of GGUF files.
public enum WeightEncoding: String, Sendable, CaseIterable {
    case f64 = "F64"
    case f32 = "F32"
    case f16 = "F16"
    case bf16 = "BF16"
    case q4_0 = "Q4_0"
    case q4_1 = "Q4_1"
    case q5_0 = "Q5_0"
    case q5_1 = "Q5_1"
    case q8_0 = "Q8_0"
    case q4K = "Q4_K"
    case q5K = "Q5_K"
    case q6K = "Q6_K"

    /// From the number GGUF files give the type.
    init?(ggml number: UInt32) {
        switch number {
        case 0: self = .f32
        case 1: self = .f16
        case 2: self = .q4_0
        case 3: self = .q4_1
        case 6: self = .q5_0
        case 7: self = .q5_1
        case 8: self = .q8_0
        case 12: self = .q4K
        case 13: self = .q5K
        case 14: self = .q6K
        case 28: self = .f64
        case 30: self = .bf16
        default: return nil
        }
    }

    /// Weights in one block.
    public var blockLength: Int {
        switch self {
        case .f64, .f32, .f16, .bf16: 1
        case .q4_0, .q4_1, .q5_0, .q5_1, .q8_0: 32
        case .q4K, .q5K, .q6K: 256
        }
    }

    /// Bytes of one block.
    public var blockByteCount: Int {
        switch self {
        case .f64: 8
        case .f32: 4
        case .f16, .bf16: 2
        case .q4_0: 18
        case .q4_1: 20
        case .q5_0: 22
        case .q5_1: 24
        case .q8_0: 34
        case .q4K: 144
        case .q5K: 176
        case .q6K: 210
        }
    }

    /// Bytes of `count` weights; `nil` where that is no whole number of blocks or overflows.
    func byteCount(of count: Int) -> Int? {
        guard count >= 0, count % blockLength == 0 else { return nil }
        let (bytes, overflow) = (count / blockLength).multipliedReportingOverflow(by: blockByteCount)
        return overflow ? nil : bytes
    }

    /// Widens `blocks` whole blocks to f32; F64 is rounded to nearest.
    func widen(_ source: UnsafeRawPointer, blocks: Int, into destination: UnsafeMutablePointer<Float>) {
        switch self {
        case .f64:
            for index in 0..<blocks {
                destination[index] = Float(source.loadUnaligned(fromByteOffset: 8 * index, as: Double.self))
            }
        case .f32: UnsafeMutableRawPointer(destination).copyMemory(from: source, byteCount: 4 * blocks)
        case .f16: fl_f16_to_f32(source, destination, blocks)
        case .bf16: fl_bf16_to_f32(source, destination, blocks)
        case .q4_0: fl_dequantise_q4_0(source, destination, blocks)
        case .q4_1: fl_dequantise_q4_1(source, destination, blocks)
        case .q5_0: fl_dequantise_q5_0(source, destination, blocks)
        case .q5_1: fl_dequantise_q5_1(source, destination, blocks)
        case .q8_0: fl_dequantise_q8_0(source, destination, blocks)
        case .q4K: fl_dequantise_q4_k(source, destination, blocks)
        case .q5K: fl_dequantise_q5_k(source, destination, blocks)
        case .q6K: fl_dequantise_q6_k(source, destination, blocks)
        }
    }
}
