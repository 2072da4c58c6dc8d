import Tensors
import Testing

@Suite struct ConversionTests {
    /// Every finite half-precision number comes back from f32 unchanged.
    @Test(arguments: [ElementType.f16, .bf16])
    func everyNumberSurvives(type: ElementType) {
        let source = (0...UInt16.max).map { $0 }
        var wide = [Float](repeating: 0, count: source.count)
        var narrow = [UInt16](repeating: 0, count: source.count)
        #expect(source.withUnsafeBytes { Conversion.widen($0.baseAddress!, type, count: source.count, into: &wide) })
        #expect(
            narrow.withUnsafeMutableBytes {
                Conversion.narrow(wide, to: type, count: wide.count, into: $0.baseAddress!)
            })
        for (bits, value) in zip(source, wide) where !value.isNaN { #expect(narrow[Int(bits)] == bits, "\(value)") }
        #expect(zip(narrow, wide).allSatisfy { !$1.isNaN || $0 & 0x7FFF > (type == .f16 ? 0x7C00 : 0x7F80) })
    }

    @Test(
        arguments: [
            (Float(1), 0x3C00), (0.5, 0x3800), (65504, 0x7BFF), (65519.996, 0x7BFF), (65520, 0x7C00), (-2, 0xC000),
            (0x1p-24, 1), (0x1p-25, 0), (0x1.8p-24, 2), (0x1.000002p-25, 1), (0x1.ff8p-15, 0x3FF), (0x1.ffep-15, 0x400),
            (1 + 0x1p-11, 0x3C00), (1 + 0x3p-11, 0x3C02), (.infinity, 0x7C00), (-0.0, 0x8000),
        ] as [(Float, UInt16)])
    func halfRoundsToNearestEven(value: Float, bits: UInt16) {
        #expect(narrow(value, .f16) == bits)
    }

    @Test(
        arguments: [
            (Float(1), 0x3F80), (1 + 0x1p-8, 0x3F80), (1 + 0x3p-8, 0x3F82), (.greatestFiniteMagnitude, 0x7F80),
            (-1, 0xBF80),
        ] as [(Float, UInt16)])
    func brainFloatRoundsToNearestEven(value: Float, bits: UInt16) {
        #expect(narrow(value, .bf16) == bits)
    }

    @Test func integersAreNotWidened() {
        var result: [Float] = [7]
        #expect(!Conversion.widen([Int32(1)], .i32, count: 1, into: &result))
        #expect(result == [7])
    }

    private func narrow(_ value: Float, _ type: ElementType) -> UInt16 {
        var bits: UInt16 = 0
        _ = withUnsafeMutableBytes(of: &bits) { Conversion.narrow([value], to: type, count: 1, into: $0.baseAddress!) }
        return bits
    }
}
