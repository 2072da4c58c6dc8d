import CKernels
import Testing

/// Every level that this machine has; none is made the one in use, as other tests compute beside these.
@Suite struct KernelLevelTests {
    private static var levels: [Int32] { Array(1...fl_highest_level()) }

    @Test(arguments: Array(1...fl_highest_level())) func kernelsAgreeWithPlainLoops(level: Int32) {
        let failing = fl_self_test(level).map { String(cString: $0) }
        #expect(failing == nil)
    }

    @Test func aLevelThatTheMachineLacksIsNamed() {
        #expect(fl_self_test(fl_highest_level() + 1).map { String(cString: $0) } == "level")
        #expect(fl_kernels_of(0) == nil)
        #expect(fl_level() == fl_highest_level())
    }

    /// From AVX2 on every f32 kernel fuses the same products and adds in the same order.
    @Test(arguments: [1, 31, 64, 257, 896]) func levelsFromAVX2OnGiveTheSameBits(count: Int) {
        for level in Self.levels where level > FL_LEVEL_AVX2 {
            #expect(Self.results(level, count) == Self.results(FL_LEVEL_AVX2, count), "level \(level)")
        }
    }

    /// Bits of what the kernels that sum or take exponentials make of `n` values.
    private static func results(_ level: Int32, _ n: Int) -> [UInt32] {
        let k = fl_kernels_of(level)!.pointee
        let (x, y, z) = (values(n, 1), values(n, 2), values(n, 3))
        var (a, b, c, d) = (z, z, z, z)
        k.rmsnorm(&a, x, y, n, 1e-5)
        k.rmsnorm_backward(&b, &c, x, y, z, n, 1e-5)
        k.softmax(&d, 3, n)
        var rows = [a, b, c, d]
        k.softmax_backward(&a, d, 3, n)
        k.swiglu(&b, x, y, n)
        k.swiglu_backward(&c, &d, z, x, y, n)
        rows += [a, b, c, d]
        k.cross_entropy_gradient(&a, 0.5, 0.3, n)
        k.rope(&b, x, y, n / 2, 1)
        k.remove_component(&c, y, 0.7, n)
        rows += [a, b, c, [k.logsumexp(x, n), Float(k.dot(x, y, n))]]
        var (w, m, v) = (x, y, z.map { abs($0) })
        k.adamw(&w, y, &m, &v, n, 0.1, 0.9, 0.999, 1e-8, 0.01, 0.1, 0.2, nil, 0)
        rows += [w, m, v]
        return rows.flatMap { $0.map(\.bitPattern) }
    }

    private static func values(_ count: Int, _ seed: Int) -> [Float] {
        (0..<count).map { Float(($0 &* 7919 &+ seed &* 104_729) % 2003) / 1000 - 1 }
    }
}
