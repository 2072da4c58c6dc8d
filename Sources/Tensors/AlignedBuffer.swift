#if canImport(Glibc)
    import Glibc
#endif

/// A block of memory aligned to 64 bytes, zeroed at birth, freed with its last reference.
///
/// It is `Sendable` by contract, not by lock: whoever hands a buffer on stops writing to it.
public final class AlignedBuffer: @unchecked Sendable {
    public let address: UnsafeMutableRawPointer
    /// Size in bytes.
    public let byteCount: Int
    private let capacity: Int
    /// Whose memory this is, where it is not its own.
    private let owner: AnyObject?

    /// - Parameter zeroed: pass `false` where every byte is written before it is read.
    public init(byteCount: Int, zeroed: Bool = true) {
        precondition(byteCount >= 0, "negative buffer size \(byteCount)")
        var pointer: UnsafeMutableRawPointer?
        var size = max(64, (byteCount + 63) & ~63)
        if size >= BufferPool.smallest {
            size = BufferPool.blockSize(size)
            pointer = BufferPool.take(size)
        } else if posix_memalign(&pointer, 64, size) != 0 {
            pointer = nil
        }
        guard let pointer else { OutOfMemory.end(byteCount) }
        capacity = size
        owner = nil
        self.address = pointer
        self.byteCount = byteCount
        if zeroed { memset(pointer, 0, byteCount) }
    }

    /// The bytes `range` of another buffer, which lives on with this one.
    public init(part range: Range<Int>, of whole: AlignedBuffer) {
        precondition(range.upperBound <= whole.byteCount, "bytes \(range) of a buffer of \(whole.byteCount)")
        (address, byteCount, capacity, owner) = (whole.address + range.lowerBound, range.count, 0, whole)
    }

    /// The bytes `range` of a file, read as they are touched. Nobody may write to them.
    public init(readOnly range: Range<Int>, of file: FileMapping) {
        precondition(range.upperBound <= file.bytes.count, "bytes \(range) of a file of \(file.bytes.count)")
        // A buffer always has an address, also over nothing.
        let base = UnsafeMutableRawPointer(mutating: file.bytes.baseAddress) ?? UnsafeMutableRawPointer(bitPattern: 64)!
        (address, byteCount, capacity, owner) = (base + range.lowerBound, range.count, 0, file)
    }

    /// `count` 32-bit floats.
    public convenience init(floats count: Int, zeroed: Bool = true) {
        self.init(byteCount: count * MemoryLayout<Float>.stride, zeroed: zeroed)
    }

    public convenience init(_ values: [Float]) {
        self.init(floats: values.count, zeroed: false)
        values.withUnsafeBytes { if $0.count > 0 { address.copyMemory(from: $0.baseAddress!, byteCount: $0.count) } }
    }

    public convenience init(_ values: [Int32]) {
        self.init(byteCount: values.count * 4, zeroed: false)
        values.withUnsafeBytes { if $0.count > 0 { address.copyMemory(from: $0.baseAddress!, byteCount: $0.count) } }
    }

    public convenience init(bytes values: [UInt8]) {
        self.init(byteCount: values.count, zeroed: false)
        values.withUnsafeBytes { if $0.count > 0 { address.copyMemory(from: $0.baseAddress!, byteCount: $0.count) } }
    }

    /// 64-bit floats.
    public convenience init(doubles values: [Double]) {
        self.init(byteCount: values.count * 8, zeroed: false)
        values.withUnsafeBytes { if $0.count > 0 { address.copyMemory(from: $0.baseAddress!, byteCount: $0.count) } }
    }

    /// Gives the whole pages inside a part that nobody reads any more back to the system, while others still hold the
    /// buffer it is a part of.
    public func discardPages() {
        let page = 4096
        let first = (Int(bitPattern: address) + page - 1) / page * page
        let end = (Int(bitPattern: address) + byteCount) / page * page
        guard owner is AlignedBuffer, end > first, let start = UnsafeMutableRawPointer(bitPattern: first) else {
            return
        }
        madvise(start, end - first, MADV_DONTNEED)
    }

    deinit {
        guard owner == nil else { return }
        if capacity >= BufferPool.smallest { BufferPool.give(address, size: capacity) } else { free(address) }
    }

    /// The buffer as floats; valid while somebody holds the buffer, so never take it from a temporary.
    public var floats: UnsafeMutableBufferPointer<Float> {
        UnsafeMutableBufferPointer(start: address.assumingMemoryBound(to: Float.self), count: byteCount / 4)
    }

    public var int32s: UnsafeMutableBufferPointer<Int32> {
        UnsafeMutableBufferPointer(start: address.assumingMemoryBound(to: Int32.self), count: byteCount / 4)
    }

    public var bytes: UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(start: address, count: byteCount)
    }

    /// A copy of the first `count` floats (all, where nil): safe on a buffer nobody else holds.
    public func floatArray(_ count: Int? = nil) -> [Float] { Array(floats.prefix(count ?? byteCount / 4)) }

    /// A copy of the first `count` integers (all, where nil).
    public func int32Array(_ count: Int? = nil) -> [Int32] { Array(int32s.prefix(count ?? byteCount / 4)) }

    /// A copy as 64-bit floats, wherever the buffer begins.
    public func doubleArray() -> [Double] {
        (0..<byteCount / 8).map { bytes.loadUnaligned(fromByteOffset: $0 * 8, as: Double.self) }
    }

    /// A copy of the bytes.
    public func byteArray() -> [UInt8] { Array(bytes) }
}
