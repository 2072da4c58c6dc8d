import Linalg
import Tensors
import Testing

/// Tiled products against the naive loop, and the same bits from any number of threads.
@Suite struct GEMMTests {
    private static func values(_ count: Int, _ seed: Int) -> [Float] {
        (0..<count).map { Float(($0 &* 7919 &+ seed &* 104_729) % 2003) / 1000 - 1 }
    }

    private func check(_ actual: AlignedBuffer, _ expected: [Double], _ scale: Double, _ comment: Comment) {
        let worst = zip(actual.floatArray(), expected).map { abs(Double($0) - $1) }.max() ?? 0
        #expect(worst <= 1e-6 * scale, comment)
    }

    @Test(arguments: [1, 5, 16, 47, 96, 97, 200, 400, 800]) func linear(rows: Int) {
        let (outputs, inputs) = (131, 37)
        let x = Self.values(rows * inputs, 1)
        let w = Self.values(outputs * inputs, 2)
        var expected = [Double](repeating: 0, count: rows * outputs)
        for r in 0..<rows {
            for o in 0..<outputs {
                for i in 0..<inputs {
                    expected[r * outputs + o] += Double(x[r * inputs + i]) * Double(w[o * inputs + i])
                }
            }
        }
        let results = [1, 2, 3].map { threads in
            let y = AlignedBuffer(floats: rows * outputs)
            GEMM.linear(
                ThreadPool(threads: threads), y: y.floats.baseAddress!, ldy: outputs, x: x, ldx: inputs, w: w,
                rows: rows,
                outputs: outputs, inputs: inputs)
            return y
        }
        check(results[0], expected, Double(inputs), "\(rows) rows")
        #expect(results[0].byteArray() == results[1].byteArray())
        #expect(results[0].byteArray() == results[2].byteArray())
    }

    @Test(arguments: [1, 50, 400, 900]) func gradients(rows: Int) {
        let (outputs, inputs) = (61, 43)
        let x = Self.values(rows * inputs, 1)
        let w = Self.values(outputs * inputs, 2)
        let dy = Self.values(rows * outputs, 3)
        var dx = [Double](repeating: 0, count: rows * inputs)
        var dw = [Double](repeating: 1, count: outputs * inputs)
        for r in 0..<rows {
            for o in 0..<outputs {
                for i in 0..<inputs {
                    dx[r * inputs + i] += Double(dy[r * outputs + o]) * Double(w[o * inputs + i])
                    dw[o * inputs + i] += Double(dy[r * outputs + o]) * Double(x[r * inputs + i])
                }
            }
        }
        let pool = ThreadPool(threads: 2)
        let gotX = AlignedBuffer(floats: rows * inputs)
        GEMM.inputGradient(
            pool, dx: gotX.floats.baseAddress!, lddx: inputs, dy: dy, lddy: outputs, w: w, rows: rows, outputs: outputs,
            inputs: inputs)
        check(gotX, dx, Double(outputs), "input gradient, \(rows) rows")
        let gotW = AlignedBuffer([Float](repeating: 1, count: outputs * inputs))
        GEMM.weightGradient(
            pool, dw: gotW.floats.baseAddress!, dy: dy, lddy: outputs, x: x, ldx: inputs, rows: rows, outputs: outputs,
            inputs: inputs)
        check(gotW, dw, Double(rows + 1), "weight gradient, \(rows) rows")
    }
}
