import CKernels

/// The values that a tensor's elements may have, both ends included; what is not a number is in no range.
public struct ValueRange: Sendable, Equatable {
    public var low: Double
    public var high: Double

    public init(_ low: Double, _ high: Double) { (self.low, self.high) = (low, high) }

    /// Neither infinite nor not a number.
    public static let finite = ValueRange(-.greatestFiniteMagnitude, .greatestFiniteMagnitude)
    /// Finite, and not below zero.
    public static let nonNegative = ValueRange(0, .greatestFiniteMagnitude)

    /// The first element outside, where there is one. Runs at the speed of memory.
    /// - Parameters:
    ///   - bytes: elements side by side, at any address.
    ///   - type: F64, F32, I32 or U8; no other type has a range here, and every element of it is outside.
    public func firstOutside(_ bytes: UnsafeRawBufferPointer, _ type: ElementType) -> (index: Int, value: String)? {
        // So few at a time that looking at them again costs nothing.
        let stride = 1 << 16
        let count = bytes.count / type.byteCount
        var start = 0
        while start < count {
            let end = min(count, start + stride)
            let piece = UnsafeRawBufferPointer(rebasing: bytes[start * type.byteCount..<end * type.byteCount])
            if outside(piece, type) > 0 {
                for index in start..<end {
                    let one = index * type.byteCount..<(index + 1) * type.byteCount
                    let element = UnsafeRawBufferPointer(rebasing: bytes[one])
                    if outside(element, type) > 0 { return (index, Self.text(element, type)) }
                }
            }
            start = end
        }
        return nil
    }

    /// How many elements are outside.
    private func outside(_ bytes: UnsafeRawBufferPointer, _ type: ElementType) -> Int {
        guard let x = bytes.baseAddress else { return 0 }
        let count = bytes.count / type.byteCount
        switch type {
        case .f64: return fl_f64_outside(x, count, low, high)
        case .f32:
            let most = Double(Float.greatestFiniteMagnitude)
            return fl_f32_outside(x, count, Float(max(low, -most)), Float(min(high, most)))
        case .i32:
            return fl_i32_outside(x, count, Int32(clamping: Int(clamped(low))), Int32(clamping: Int(clamped(high))))
        case .u8:
            return fl_u8_outside(x, count, UInt8(clamping: Int(clamped(low))), UInt8(clamping: Int(clamped(high))))
        default: return count
        }
    }

    private func clamped(_ bound: Double) -> Double { min(max(bound, -1e15), 1e15) }

    private static func text(_ element: UnsafeRawBufferPointer, _ type: ElementType) -> String {
        switch type {
        case .f64: "\(element.loadUnaligned(as: Double.self))"
        case .f32: "\(element.loadUnaligned(as: Float.self))"
        case .i32: "\(element.loadUnaligned(as: Int32.self))"
        case .u8: "\(element[0])"
        default: type.rawValue
        }
    }
}

/// Whether the columns of a matrix are orthonormal, told in one pass.
public enum Orthonormality {
    /// How far Uᵀ U x is from x, relative to x, for one fixed x without zeros: about 10⁻⁶ for columns that were rounded to
    /// F32, and of the size of the fault, over the square root of the columns, for others.
    /// - Parameter matrix: U, F32 [rows × columns].
    public static func residual(_ matrix: AlignedBuffer, rows: Int, columns: Int) -> Double {
        guard columns > 0 else { return 0 }
        // Numbers of no pattern, between one half and one in size.
        let x = (0..<columns).map { index -> Float in
            let bits = (UInt64(index) &+ 1) &* 0x9E37_79B9_7F4A_7C15
            let size = 0.5 + Float((bits >> 40) & 0x3F_FFFF) / 8_388_608
            return bits >> 63 == 0 ? size : -size
        }
        var z = [Double](repeating: 0, count: columns)
        fl_gram_times(&z, matrix.floats.baseAddress!, rows, columns, x)
        var (difference, length) = (0.0, 0.0)
        for index in 0..<columns {
            let value = Double(x[index])
            difference += (z[index] - value) * (z[index] - value)
            length += value * value
        }
        return (difference / length).squareRoot()
    }
}
