import CKernels

/// Widening to f32, exact, and narrowing from it, to nearest with ties to even.
public enum Conversion {
    /// Widens `count` elements; only floating-point types up to 32 bits can be widened.
    /// - Returns: `false` for other element types, with nothing written.
    public static func widen(
        _ source: UnsafeRawPointer, _ type: ElementType, count: Int, into destination: UnsafeMutablePointer<Float>
    ) -> Bool {
        switch type {
        case .f32: UnsafeMutableRawPointer(destination).copyMemory(from: source, byteCount: 4 * count)
        case .f16: fl_f16_to_f32(source, destination, count)
        case .bf16: fl_bf16_to_f32(source, destination, count)
        default: return false
        }
        return true
    }

    /// Narrows `count` floats to f32, f16 or bf16.
    /// - Returns: `false` for other element types, with nothing written.
    public static func narrow(
        _ source: UnsafePointer<Float>, to type: ElementType, count: Int, into destination: UnsafeMutableRawPointer
    ) -> Bool {
        switch type {
        case .f32: destination.copyMemory(from: source, byteCount: 4 * count)
        case .f16: fl_f32_to_f16(source, destination, count)
        case .bf16: fl_f32_to_bf16(source, destination, count)
        default: return false
        }
        return true
    }
}
