/// A fixed number of bits in 64-bit words; bit i is bit i mod 64 of word i / 64.
///
/// On the little-endian machines Faultline runs on, its bytes are a mask file's: bit i is bit i mod 8 of byte i / 8.
public struct BitSet: Sendable, Equatable {
    /// Number of bits.
    public let size: Int
    package private(set) var words: [UInt64]

    /// - Parameter filled: all bits are set.
    public init(size: Int, filled: Bool = false) {
        precondition(size >= 0, "negative bit count \(size)")
        self.size = size
        words = Array(repeating: filled ? .max : 0, count: (size + 63) / 64)
        if filled, size % 64 != 0 { words[words.count - 1] = (1 << UInt64(size % 64)) - 1 }
    }

    /// Reads packed bytes.
    /// - Returns: `nil` where their number is not ⌈size / 8⌉ or a bit beyond the last is set.
    public init?(size: Int, bytes: UnsafeRawBufferPointer) {
        guard size >= 0, bytes.count == (size + 7) / 8 else { return nil }
        self.init(size: size)
        words.withUnsafeMutableBytes { $0.copyMemory(from: bytes) }
        if size % 64 != 0, words[words.count - 1] >> UInt64(size % 64) != 0 { return nil }
    }

    /// The ⌈size / 8⌉ packed bytes.
    public func withBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        try words.withUnsafeBytes { try body(UnsafeRawBufferPointer(rebasing: $0[..<((size + 7) / 8)])) }
    }

    public subscript(index: Int) -> Bool {
        get {
            precondition(index >= 0 && index < size, "bit \(index) of \(size)")
            return words[index >> 6] >> UInt64(index & 63) & 1 == 1
        }
        set {
            precondition(index >= 0 && index < size, "bit \(index) of \(size)")
            let bit: UInt64 = 1 << UInt64(index & 63)
            if newValue { words[index >> 6] |= bit } else { words[index >> 6] &= ~bit }
        }
    }

    /// Number of set bits.
    public var count: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }

    public func union(_ other: BitSet) -> BitSet { combined(other) { $0 | $1 } }
    public func intersection(_ other: BitSet) -> BitSet { combined(other) { $0 & $1 } }
    public func subtracting(_ other: BitSet) -> BitSet { combined(other) { $0 & ~$1 } }

    private func combined(_ other: BitSet, _ operation: (UInt64, UInt64) -> UInt64) -> BitSet {
        precondition(size == other.size, "bit sets of \(size) and \(other.size)")
        var result = self
        for index in words.indices { result.words[index] = operation(words[index], other.words[index]) }
        return result
    }

    /// Sets bits through the raw words; the caller stays below `size`.
    mutating func withWords(_ body: (UnsafeMutablePointer<UInt64>) -> Void) {
        words.withUnsafeMutableBufferPointer { buffer in
            if let start = buffer.baseAddress { body(start) }
        }
    }
}
