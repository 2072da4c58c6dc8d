import Tensors
import Testing

/// One suite, serial: the pool is the process's.
@Suite(.serialized) struct BufferPoolTests {
    @Test func buffersOfAnyAgeAreZeroedWhenAsked() {
        for _ in 0..<3 {
            let buffer = AlignedBuffer(floats: 300_000)
            #expect(buffer.floats.allSatisfy { $0 == 0 })
            buffer.floats.update(repeating: 7)
        }
    }

    @Test func idleMemoryKeepsToItsLimit() {
        defer { BufferPool.setLimit(64 << 20) }
        BufferPool.setLimit(16 << 20)
        do { _ = (0..<20).map { AlignedBuffer(byteCount: (2 + $0 % 5) << 20, zeroed: false) } }
        #expect(BufferPool.idleBytes <= 16 << 20)
        BufferPool.setLimit(0)
        #expect(BufferPool.idleBytes == 0)
    }

    @Test func nearlyEqualSizesShareABlock() {
        for bytes in [1 << 20, (1 << 20) + 1, 5_000_000, 39_000_000, 1 << 33] {
            let size = BufferPool.blockSize(bytes)
            #expect(size >= bytes && size < bytes + bytes / 4 + 64 && size % 64 == 0)
            #expect(BufferPool.blockSize(size) == size)
        }
    }
}
