import Selection
import Testing

@Suite struct BitSetTests {
    @Test func bytesAreLittleEndianBits() {
        var bits = BitSet(size: 11)
        bits[0] = true
        bits[9] = true
        #expect(bits.withBytes { Array($0) } == [0b0000_0001, 0b0000_0010])
        #expect(bits.count == 2)
        bits[9] = false
        #expect(bits.count == 1)
    }

    @Test func readsWhatItWrites() throws {
        let stream = RandomStream(seed: 1, name: "bits")
        for size in [0, 1, 7, 8, 63, 64, 65, 1000] {
            var bits = BitSet(size: size)
            for index in 0..<size where stream.bits(index) & 1 == 1 { bits[index] = true }
            #expect(bits.withBytes { BitSet(size: size, bytes: $0) } == bits)
        }
    }

    @Test func refusesWrongLengthsAndStrayBits() {
        let read = { (size: Int, bytes: [UInt8]) in bytes.withUnsafeBytes { BitSet(size: size, bytes: $0) } }
        #expect(read(9, [1]) == nil)
        #expect(read(8, [1, 0]) == nil)
        #expect(read(9, [0, 2]) == nil)
        #expect(read(9, [0, 1]) != nil)
    }

    @Test func setAlgebra() {
        var a = BitSet(size: 70)
        var b = BitSet(size: 70)
        a[3] = true; a[69] = true
        b[3] = true; b[4] = true
        #expect(a.union(b).indices == [3, 4, 69])
        #expect(a.intersection(b).indices == [3])
        #expect(a.subtracting(b).indices == [69])
    }
}
