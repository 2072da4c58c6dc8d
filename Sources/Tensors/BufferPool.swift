import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// Memory of large buffers that died, kept for the next ones of their size.
///
/// A stage makes and drops the same activations for every batch. Given back to the kernel they would come again as fresh
/// pages to be cleared, which took a quarter of a scoring run.
public enum BufferPool {
    private struct State {
        /// Idle blocks by size, the oldest first.
        var idle: [Int: [(pointer: UnsafeMutableRawPointer, age: UInt64)]] = [:]
        var bytes = 0
        var limit = 64 << 20
        var clock: UInt64 = 0
    }

    nonisolated(unsafe) private static var unguarded = State()
    private static let lock = Mutex(())

    /// Smaller buffers are malloc's business.
    static let smallest = 1 << 20
    private static let hugePage = 2 << 20

    /// Bytes that may lie idle; what is over goes back to the kernel, the oldest first.
    public static func setLimit(_ bytes: Int) {
        lock.withLock { _ in
            unguarded.limit = max(0, bytes)
            shrink()
        }
    }

    /// Bytes that lie idle.
    public static var idleBytes: Int { lock.withLock { _ in unguarded.bytes } }

    /// The size of the block that holds `bytes`: four steps between powers of two, so that batches of nearly the same
    /// length share blocks.
    package static func blockSize(_ bytes: Int) -> Int {
        let step = max(64, (1 << (Int.bitWidth - 1 - bytes.leadingZeroBitCount)) / 4)
        return (bytes + step - 1) / step * step
    }

    /// - Returns: a block of `size` bytes (from `blockSize`) with any content; `nil` where memory is out.
    static func take(_ size: Int) -> UnsafeMutableRawPointer? {
        let recycled = lock.withLock { _ -> Address? in
            guard let block = unguarded.idle[size]?.popLast() else { return nil }
            unguarded.bytes -= size
            return Address(pointer: block.pointer)
        }
        if let recycled { return recycled.pointer }
        var pointer: UnsafeMutableRawPointer?
        guard posix_memalign(&pointer, size >= hugePage ? hugePage : 64, size) == 0, let pointer else { return nil }
        // Matrices are walked across their rows: pages of 4 KiB would use up the TLB.
        if size >= hugePage { madvise(pointer, size & ~(hugePage - 1), MADV_HUGEPAGE) }
        return pointer
    }

    static func give(_ pointer: UnsafeMutableRawPointer, size: Int) {
        let block = Address(pointer: pointer)
        lock.withLock { _ in
            unguarded.clock += 1
            unguarded.idle[size, default: []].append((block.pointer, unguarded.clock))
            unguarded.bytes += size
            shrink()
        }
    }

    private struct Address: @unchecked Sendable { let pointer: UnsafeMutableRawPointer }

    /// With the lock held.
    private static func shrink() {
        while unguarded.bytes > unguarded.limit {
            let oldest = unguarded.idle.filter { !$0.value.isEmpty }.min { $0.value[0].age < $1.value[0].age }!.key
            free(unguarded.idle[oldest]!.removeFirst().pointer)
            if unguarded.idle[oldest]!.isEmpty { unguarded.idle[oldest] = nil }
            unguarded.bytes -= oldest
        }
    }
}
