import Tensors
import Testing

struct ChunkSumTests {
    private func sum(_ bytes: [UInt8]) -> UInt64 { bytes.withUnsafeBytes { ChunkSum.of($0) } }
    private let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ $0 >> 3) }

    @Test func everyFlippedBitShows() {
        let whole = sum(bytes)
        for place in bytes.indices {
            for bit in 0..<8 {
                var other = bytes
                other[place] ^= 1 << bit
                #expect(sum(other) != whole)
            }
        }
    }

    @Test func orderAndLengthShow() {
        var seen = Set([sum(bytes)])
        for start in stride(from: 0, to: 960, by: 8) {
            var other = bytes
            other.replaceSubrange(start..<start + 8, with: bytes[start + 32..<start + 40])
            other.replaceSubrange(start + 32..<start + 40, with: bytes[start..<start + 8])
            if other != bytes { #expect(sum(other) != sum(bytes)) }
        }
        for count in 0..<1000 { #expect(seen.insert(sum(Array(bytes[..<count]))).inserted) }
        #expect(sum([UInt8](repeating: 0, count: 64)) != sum([UInt8](repeating: 0, count: 96)))
    }

    /// The two programs may be of different builds: the sum is part of the protocol.
    @Test func theSumIsWhatTheDefinitionSays() {
        var first = [UInt64](repeating: 0x9E37_79B9_7F4A_7C15, count: 4)
        var second = first
        for block in 0..<bytes.count / 32 {
            for lane in 0..<4 {
                let word = (0..<8).reduce(UInt64(0)) {
                    $0 | UInt64(bytes[block * 32 + lane * 8 + $1]) << UInt64($1 * 8)
                }
                first[lane] &+= word
                second[lane] &+= first[lane]
            }
        }
        var result = UInt64(bytes.count)
        for byte in bytes[(bytes.count / 32 * 32)...] { result = (result ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        for lane in 0..<4 {
            for value in [first[lane], second[lane]] {
                result = (result ^ value) &* 0xFF51_AFD7_ED55_8CCD
                result ^= result >> 32
                result = result &* 0xC4CE_B9FE_1A85_EC53
            }
        }
        #expect(sum(bytes) == result)
    }
}

struct SealedImageTests {
    /// Two tensors behind a header: no piece of the file begins where a tensor does.
    private let image: TensorBundle.Image = {
        let large = AlignedBuffer(byteCount: 5 << 19)
        for index in 0..<large.byteCount { large.bytes[index] = UInt8(truncatingIfNeeded: index &* 131 &+ index >> 9) }
        return TensorBundle(entries: [
            .init(name: "a", type: .u8, shape: [large.byteCount], buffer: large),
            .init(name: "b", type: .u8, shape: [5], buffer: AlignedBuffer(bytes: [1, 2, 3, 4, 5])),
        ]).image()
    }()

    @Test func sealingGivesTheDigestAndEveryPiecesSum() {
        var sealed = image
        let bytes = image.bytes()
        #expect(sealed.seal() == Digest.sha256(bytes) && image.sha256() == Digest.sha256(bytes))
        for start in stride(from: 0, to: bytes.count, by: 1 << 20) {
            let range = start..<min(bytes.count, start + 1 << 20)
            #expect(sealed.sealedSum(of: range) == Array(bytes[range]).withUnsafeBytes { ChunkSum.of($0) })
        }
    }

    @Test func otherRangesHaveNone() {
        var sealed = image
        #expect(sealed.sealedSum(of: 0..<1 << 20) == nil)
        _ = sealed.seal()
        #expect(sealed.sealedSum(of: 0..<1 << 19) == nil && sealed.sealedSum(of: 64..<(1 << 20) + 64) == nil)
        #expect(sealed.sealedSum(of: sealed.byteCount..<sealed.byteCount) == nil)
    }
}
