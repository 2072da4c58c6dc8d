import CKernels
import Foundation
import Testing

/// The C kernels against the plain loop, edges included.
@Suite struct KernelTests {
    private static func values(_ count: Int, _ seed: Int) -> [Float] {
        (0..<count).map { Float(($0 &* 7919 &+ seed &* 104_729) % 2003) / 1000 - 1 }
    }

    /// Σ over examples of abs(δᵀx), at sizes that are no multiple of a tile, in two tilings.
    @Test(arguments: [(6, 16), (7, 17), (13, 40), (96, 33)]) func snip(rows: Int, columns: Int) {
        let tokens = 23
        let spans = [0..<4, 4..<5, 5..<23]
        let (height, width) = (fl_snip_rows(), fl_snip_columns())
        let delta = Self.values(tokens * rows, 1)
        let x = Self.values(tokens * columns, 2)
        var packedD = [Float](repeating: 0, count: (rows + height - 1) / height * height * tokens)
        var packedX = [Float](repeating: 0, count: (columns + width - 1) / width * width * tokens)
        fl_pack_panels(&packedD, delta, tokens, rows, rows, height)
        fl_pack_panels(&packedX, x, tokens, columns, columns, width)
        var whole = [Float](repeating: 0.5, count: rows * columns)
        var tiled = whole
        let bounds = spans.flatMap { [$0.lowerBound, $0.upperBound] }
        fl_snip_tile(&whole, columns, packedD, packedX, tokens, bounds, 3, 0, rows, 0, columns)
        for i in stride(from: 0, to: rows, by: height) {
            for j in stride(from: 0, to: columns, by: width) {
                for span in spans {
                    fl_snip_tile(
                        &tiled, columns, packedD, packedX, tokens, [span.lowerBound, span.upperBound], 1, i,
                        min(rows, i + height), j, min(columns, j + width))
                }
            }
        }
        #expect(whole == tiled)
        for i in 0..<rows {
            for j in 0..<columns {
                var sum = 0.5
                for span in spans {
                    sum += abs(span.reduce(0.0) { $0 + Double(delta[$1 * rows + i]) * Double(x[$1 * columns + j]) })
                }
                #expect(abs(Double(whole[i * columns + j]) - sum) < 1e-5)
            }
        }
    }

    @Test func softmaxAndItsGradient() {
        let logits = Self.values(37, 3).map { $0 * 8 }
        var p = logits
        fl_softmax(&p, 0.7, p.count)
        let exact = logits.map { exp(0.7 * Double($0)) }
        let total = exact.reduce(0, +)
        for (a, b) in zip(p, exact) { #expect(abs(Double(a) - b / total) < 1e-6) }
        #expect(
            abs(Double(fl_logsumexp(logits, logits.count)) - log(logits.map { exp(Double($0)) }.reduce(0, +))) < 1e-5)
        // Finite differences of Σ c·softmax(0.7 s).
        let c = Self.values(37, 5)
        var gradient = c
        fl_softmax_backward(&gradient, p, 0.7, p.count)
        func value(_ s: [Double]) -> Double {
            let e = s.map { exp(0.7 * $0) }
            return zip(e, c).map { $0 / e.reduce(0, +) * Double($1) }.reduce(0, +)
        }
        for i in [0, 11, 36] {
            var (up, down) = (logits.map(Double.init), logits.map(Double.init))
            up[i] += 1e-5
            down[i] -= 1e-5
            #expect(abs(Double(gradient[i]) - (value(up) - value(down)) / 2e-5) < 1e-5)
        }
    }

    @Test func normAndActivationGradientsAgreeWithFiniteDifferences() {
        let n = 29
        let x = Self.values(n, 1)
        let w = Self.values(n, 2)
        let dy = Self.values(n, 3)
        var dx = [Float](repeating: 0, count: n)
        var dw = dx
        fl_rmsnorm_backward(&dx, &dw, dy, x, w, n, 1e-5)
        func loss(_ x: [Double], _ w: [Double]) -> Double {
            let r = 1 / (x.map { $0 * $0 }.reduce(0, +) / Double(n) + 1e-5).squareRoot()
            return (0..<n).map { x[$0] * r * w[$0] * Double(dy[$0]) }.reduce(0, +)
        }
        let (xd, wd) = (x.map(Double.init), w.map(Double.init))
        for i in 0..<n {
            var (xu, xl, wu, wl) = (xd, xd, wd, wd)
            xu[i] += 1e-6
            xl[i] -= 1e-6
            wu[i] += 1e-6
            wl[i] -= 1e-6
            #expect(abs(Double(dx[i]) - (loss(xu, wd) - loss(xl, wd)) / 2e-6) < 1e-4)
            #expect(abs(Double(dw[i]) - (loss(xd, wu) - loss(xd, wl)) / 2e-6) < 1e-4)
        }
        let (gate, up) = (Self.values(n, 4).map { $0 * 6 }, Self.values(n, 5))
        var (dgate, dup) = ([Float](repeating: 0, count: n), [Float](repeating: 0, count: n))
        fl_swiglu_backward(&dgate, &dup, dy, gate, up, n)
        func silu(_ g: Double) -> Double { g / (1 + exp(-g)) }
        for i in 0..<n {
            let (g, u, d) = (Double(gate[i]), Double(up[i]), Double(dy[i]))
            #expect(abs(Double(dup[i]) - d * silu(g)) < 1e-5)
            #expect(abs(Double(dgate[i]) - d * u * (silu(g + 1e-6) - silu(g - 1e-6)) / 2e-6) < 1e-4)
        }
    }

    @Test func argmaxTakesTheLowerIndex() {
        #expect(fl_argmax([1, 3, 3, 2], 4) == 1)
    }
}
