/// A cheap check of one piece of a transfer: finds flipped, lost and swapped bytes at a fraction of the cost of a digest.
///
/// Fletcher's two sums over little-endian 64-bit words in four lanes. Not against malice: that is what the digest of the
/// whole, and CURVE, are for.
public enum ChunkSum {
    public static func of(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var first = SIMD4<UInt64>(repeating: 0x9E37_79B9_7F4A_7C15)
        var second = first
        let whole = bytes.count / 32
        if let base = bytes.baseAddress {
            for index in 0..<whole {
                first &+= base.loadUnaligned(fromByteOffset: index * 32, as: SIMD4<UInt64>.self)
                second &+= first
            }
        }
        var tail: UInt64 = UInt64(bytes.count)
        for byte in bytes[(whole * 32)...] { tail = (tail ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        var sum = tail
        for lane in 0..<4 {
            sum = mix(sum ^ first[lane])
            sum = mix(sum ^ second[lane])
        }
        return sum
    }

    private static func mix(_ value: UInt64) -> UInt64 {
        var value = value &* 0xFF51_AFD7_ED55_8CCD
        value ^= value >> 32
        return value &* 0xC4CE_B9FE_1A85_EC53
    }
}
