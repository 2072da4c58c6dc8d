import CKernels
import Linalg
import Tensors
import Testing

/// Who computes a product, and what its bits depend on: rows that stand apart, packed weights, BF16, the place in a call.
@Suite struct ProductTests {
    init() { BLAS.useSingleThreads() }

    private static let usesOneDNN = OneDNN.reasonAgainst == nil
    /// Those that this process has, whatever it would choose.
    private static let kernels: [ProductKernel] = (usesOneDNN ? [.oneDNN] : []) + [.fewRows, .openBLAS]

    /// Values that BF16 holds exactly.
    private static func values(_ count: Int, _ seed: Int) -> [Float] {
        (0..<count).map {
            Float(bitPattern: (Float(($0 &* 7919 &+ seed &* 104_729) % 2003) / 1000 - 1).bitPattern & ~0xFFFF)
        }
    }

    private static func bf16(_ values: [Float]) -> [UInt16] { values.map { UInt16($0.bitPattern >> 16) } }

    /// y of rows that are `gap` further apart than they are long, by the call that `body` makes.
    private func product(
        rows: Int, outputs: Int, gap: Int, _ body: (_ y: UnsafeMutablePointer<Float>, _ ldy: Int) -> Void
    ) -> [[UInt32]] {
        let ldy = outputs + gap
        let y = AlignedBuffer([Float](repeating: 5, count: rows * ldy))
        body(y.floats.baseAddress!, ldy)
        let all = y.floatArray()
        return (0..<rows).map { r in
            #expect(all[r * ldy + outputs..<(r + 1) * ldy].allSatisfy { $0 == 5 })
            return all[r * ldy..<r * ldy + outputs].map(\.bitPattern)
        }
    }

    private func widest(_ actual: [[UInt32]], _ x: [Float], ldx: Int, _ w: [Float], inputs: Int) -> Double {
        var worst = 0.0
        for (r, row) in actual.enumerated() {
            for (o, value) in row.enumerated() {
                let sum = (0..<inputs).reduce(0.0) { $0 + Double(x[r * ldx + $1]) * Double(w[o * inputs + $1]) }
                worst = max(worst, abs(sum - Double(Float(bitPattern: value))))
            }
        }
        return worst
    }

    @Test(arguments: kernels, [(1, 1, 1), (3, 70, 19), (65, 131, 37), (97, 5, 600), (300, 200, 33)])
    func rowsMayStandApart(kernel: ProductKernel, _ shape: (rows: Int, outputs: Int, inputs: Int)) {
        let (rows, outputs, inputs) = shape
        let ldx = inputs + 3
        let (x, w) = (Self.values(rows * ldx, 1), Self.values(outputs * inputs, 2))
        let y = (1...3).map { threads in
            product(rows: rows, outputs: outputs, gap: 5) { y, ldy in
                GEMM.linear(
                    by: kernel, ThreadPool(threads: threads), y: y, ldy: ldy, x: x, ldx: ldx, w: w, rows: rows,
                    outputs: outputs, inputs: inputs)
            }
        }
        #expect(widest(y[0], x, ldx: ldx, w, inputs: inputs) < 1e-6 * Double(inputs))
        #expect(y[0] == y[1] && y[0] == y[2])
    }

    @Test(arguments: kernels, [(1, 1, 1), (2, 70, 20), (40, 64, 577), (400, 1100, 37)])
    func gradientsOfRowsThatStandApart(kernel: ProductKernel, _ shape: (rows: Int, outputs: Int, inputs: Int)) {
        let (rows, outputs, inputs) = shape
        let (ldx, ldy) = (inputs + 2, outputs + 1)
        let (x, dy) = (Self.values(rows * ldx, 1), Self.values(rows * ldy, 3))
        let w = Self.values(outputs * inputs, 2)
        let results = (1...3).map { threads in
            let pool = ThreadPool(threads: threads)
            let dx = AlignedBuffer([Float](repeating: 2, count: rows * ldx))
            GEMM.inputGradient(
                by: kernel, pool, dx: dx.floats.baseAddress!, lddx: ldx, dy: dy, lddy: ldy, w: w, rows: rows,
                outputs: outputs, inputs: inputs, accumulate: true)
            let dw = AlignedBuffer([Float](repeating: 1, count: outputs * inputs))
            GEMM.weightGradient(
                by: kernel, pool, dw: dw.floats.baseAddress!, dy: dy, lddy: ldy, x: x, ldx: ldx, rows: rows,
                outputs: outputs, inputs: inputs)
            return (dx: dx.floatArray(), dw: dw.floatArray())
        }
        let (dx, dw) = results[0]
        for i in 0..<inputs {
            let (r, o) = (i % rows, i % outputs)
            let input = (0..<outputs).reduce(2.0) { $0 + Double(dy[r * ldy + $1]) * Double(w[$1 * inputs + i]) }
            #expect(abs(input - Double(dx[r * ldx + i])) < 1e-6 * Double(outputs + 2))
            let weight = (0..<rows).reduce(1.0) { $0 + Double(dy[$1 * ldy + o]) * Double(x[$1 * ldx + i]) }
            #expect(abs(weight - Double(dw[o * inputs + i])) < 1e-6 * Double(rows + 1))
        }
        #expect(dx[inputs] == 2)
        for other in results.dropFirst() {
            #expect(other.dx.map(\.bitPattern) == dx.map(\.bitPattern))
            #expect(other.dw.map(\.bitPattern) == dw.map(\.bitPattern))
        }
    }

    /// By oneDNN a value is the sum that `BlockedSum` says, wherever its row stands, and whatever shares the call.
    @Test(.enabled(if: usesOneDNN), arguments: [(1, 200), (37, 577), (100, 64), (300, 1031)])
    func valuesDependOnTheirTwoRowsAlone(rows: Int, inputs: Int) {
        let outputs = 70
        let (x, w) = (Self.values(rows * inputs, 1), Self.values(outputs * inputs, 2))
        let all = product(rows: rows, outputs: outputs, gap: 0) { y, ldy in
            GEMM.linear(
                ThreadPool(threads: 3), y: y, ldy: ldy, x: x, ldx: inputs, w: w, rows: rows, outputs: outputs,
                inputs: inputs)
        }
        for (r, row) in all.enumerated() {
            for o in 0..<outputs {
                let sum = BlockedSum.of(x, r * inputs, w, o * inputs, count: inputs, inPairs: false)
                #expect(row[o] == sum.bitPattern)
            }
        }
    }

    @Test(.enabled(if: usesOneDNN), arguments: [(1, 1, 1), (8, 131, 600), (97, 64, 37), (300, 200, 64)])
    func packedWeightsGiveTheSameBits(rows: Int, outputs: Int, inputs: Int) throws {
        let ldx = inputs + 1
        let (x, w) = (Self.values(rows * ldx, 1), Self.values(outputs * inputs, 2))
        let pool = ThreadPool(threads: 3)
        let packed = try #require(PackedWeights(pool, w, outputs: outputs, inputs: inputs))
        let plain = product(rows: rows, outputs: outputs, gap: 0) { y, ldy in
            GEMM.linear(
                pool, y: y, ldy: ldy, x: x, ldx: ldx, w: w, rows: rows, outputs: outputs, inputs: inputs)
        }
        let fast = product(rows: rows, outputs: outputs, gap: 2) { y, ldy in
            GEMM.linear(pool, y: y, ldy: ldy, x: x, ldx: ldx, w: packed, rows: rows)
        }
        #expect(plain == fast)
        guard let packed = PackedWeights(pool, bf16: Self.bf16(w), outputs: outputs, inputs: inputs) else { return }
        let narrow = product(rows: rows, outputs: outputs, gap: 0) { y, ldy in
            GEMM.linear(
                pool, y: y, ldy: ldy, x: x, ldx: ldx, bf16: Self.bf16(w), rows: rows, outputs: outputs, inputs: inputs)
        }
        let fastNarrow = product(rows: rows, outputs: outputs, gap: 0) { y, ldy in
            GEMM.linear(pool, y: y, ldy: ldy, x: x, ldx: ldx, w: packed, rows: rows)
        }
        #expect(narrow == fastNarrow)
    }

    /// x is rounded to BF16, the products are exact, the sums f32; by instructions for BF16 and without them.
    @Test(arguments: [(1, 1, 1), (5, 131, 77), (97, 64, 600), (300, 70, 33)])
    func bf16(rows: Int, outputs: Int, inputs: Int) {
        // Halfway between two BF16 values and beyond, so that rounding shows.
        let x = Self.values(rows * inputs, 1).enumerated().map {
            Float(bitPattern: $1.bitPattern | UInt32($0 % 3) << 15 | 1)
        }
        var rounded = [UInt16](repeating: 0, count: x.count)
        fl_f32_to_bf16(x, &rounded, x.count)
        let exact = rounded.map { Float(bitPattern: UInt32($0) << 16) }
        let w = Self.values(outputs * inputs, 2)
        let bits = (1...3).map { threads in
            product(rows: rows, outputs: outputs, gap: 4) { y, ldy in
                GEMM.linear(
                    ThreadPool(threads: threads), y: y, ldy: ldy, x: x, ldx: inputs, bf16: Self.bf16(w), rows: rows,
                    outputs: outputs, inputs: inputs)
            }
        }
        #expect(widest(bits[0], exact, ldx: inputs, w, inputs: inputs) < 2e-6 * Double(inputs))
        #expect(bits[0] == bits[1] && bits[0] == bits[2])
        let buffer = AlignedBuffer(byteCount: 2 * rounded.count)
        buffer.bytes.copyBytes(from: rounded.flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] })
        let widened = product(rows: rows, outputs: outputs, gap: 4) { y, ldy in
            GEMM.widened(
                ThreadPool(threads: 2), y: y, ldy: ldy, x: buffer, w: Self.bf16(w), rows: rows, outputs: outputs,
                inputs: inputs)
        }
        #expect(widest(widened, exact, ldx: inputs, w, inputs: inputs) < 2e-6 * Double(inputs))
    }

    /// Products from several threads at once, each of its own shape, are what they are one after the other.
    @Test func callersOnSeveralThreads() {
        let inputs = 96
        let shapes = (1...24).map { (rows: $0 * 5, outputs: 40 + $0 * 7) }
        let x = Self.values(120 * inputs, 1)
        let w = Self.values(208 * inputs, 2)
        func bits(_ rows: Int, _ outputs: Int) -> [[UInt32]] {
            product(rows: rows, outputs: outputs, gap: 0) { y, ldy in
                GEMM.linear(
                    ThreadPool(threads: 1), y: y, ldy: ldy, x: x, ldx: inputs, w: w, rows: rows, outputs: outputs,
                    inputs: inputs)
            }
        }
        let expected = shapes.map { bits($0.rows, $0.outputs) }
        nonisolated(unsafe) var got = [[[UInt32]]](repeating: [], count: shapes.count)
        got.withUnsafeMutableBufferPointer { got in
            nonisolated(unsafe) let place = got.baseAddress!
            ThreadPool(threads: 4).run(shapes.count) { place[$0] = bits(shapes[$0].rows, shapes[$0].outputs) }
        }
        #expect(got == expected)
    }

    @Test func whoComputes() {
        #expect(ProductKernel.linear(rows: 1, oneDNN: true) == .oneDNN)
        #expect(ProductKernel.linear(rows: 96, oneDNN: false) == .fewRows)
        #expect(ProductKernel.linear(rows: 97, oneDNN: false) == .openBLAS)
        #expect(ProductKernel.gradient(oneDNN: true) == .oneDNN)
        #expect(ProductKernel.gradient(oneDNN: false) == .openBLAS)
    }

    /// Every value of a product is in one tile.
    @Test(arguments: [(1, 1), (97, 129), (800, 1500), (2016, 64)]) func tilesCoverTheProduct(rows: Int, columns: Int) {
        let grids = [
            TileGrid.openBLAS(rows: rows, columns: columns), .oneDNN(rows: rows, columns: columns),
            .blocked(rows: rows, outputs: columns),
        ]
        for grid in grids {
            var seen = [Int](repeating: 0, count: rows * columns)
            for tile in 0..<grid.count {
                let (r, c) = grid[tile]
                for i in r { for j in c { seen[i * columns + j] += 1 } }
            }
            #expect(seen.allSatisfy { $0 == 1 })
        }
    }
}
