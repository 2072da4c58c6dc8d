import CKernels

/// How a worker says that its numbers are no numbers. A coordinator tells by these words that not the fleet failed, but the
/// weights that were to be measured.
public enum NotFinite {
    public static let phrase = "is not finite"

    /// The name of the first F32 or F64 tensor with a value that is infinite or no number.
    public static func entry(of entries: [TensorBundle.Entry]) -> String? {
        entries.first { entry in
            switch entry.type {
            case .f32:
                guard let start = entry.buffer.floats.baseAddress else { return false }
                let count = entry.buffer.byteCount / 4
                return fl_first_not_finite(start, count) < count
            case .f64:
                let start = entry.buffer.address.assumingMemoryBound(to: Double.self)
                return !UnsafeBufferPointer(start: start, count: entry.buffer.byteCount / 8).allSatisfy(\.isFinite)
            default: return false
            }
        }?.name
    }
}
