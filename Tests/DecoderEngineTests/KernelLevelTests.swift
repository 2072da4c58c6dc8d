import DecoderEngine
import Testing

@Suite struct KernelLevelTests {
    @Test(
        arguments: [
            ("Prescott", 3, false, "Haswell"), ("Core2", 3, false, "Haswell"), ("Prescott", 1, false, nil),
            ("Prescott", 3, true, nil), ("Haswell", 3, false, nil), ("Zen", 3, false, nil), ("SkylakeX", 3, false, nil),
        ] as [(String, Int, Bool, String?)])
    func slowKernelsOnAFastCPUAreLeft(level: String, simd: Int, isAsked: Bool, better: String?) {
        #expect(KernelLevel.better(than: level, simd: simd, isAsked: isAsked) == better)
    }
}
