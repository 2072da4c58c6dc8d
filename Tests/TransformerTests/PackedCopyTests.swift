import Checkpoint
import Linalg
import ModelFixtures
import Tensors
import Testing
import Transformer

/// A packed copy of a matrix is of its weights as they are now, whatever has changed them.
@Suite(.enabled(if: OneDNN.reasonAgainst == nil)) struct PackedCopyTests {
    private let plain: WeightMatrix
    private let packing: WeightMatrix
    private let x: [Float]
    private let rows = 5

    init() throws {
        let source = try Fixture(Fixture.names[0]).source
        let names = ["gate", "up"].map { "model.layers.0.mlp.\($0)_proj.weight" }
        let pool = ThreadPool(threads: 2)
        plain = try WeightMatrix(names, source: source, pool: pool, scratch: nil)
        packing = try WeightMatrix(names, source: source, pool: pool, scratch: nil)
        packing.packs = true
        x = (0..<rows * plain.columns).map { Float(($0 &* 7919) % 2003) / 1000 - 1 }
    }

    private func product(_ matrix: WeightMatrix) throws -> [UInt8] {
        let y = AlignedBuffer(floats: rows * matrix.rows)
        try matrix.multiply(x, into: y.floats.baseAddress!, count: rows)
        return y.byteArray()
    }

    @Test func everyChangeIsSeen() throws {
        var before = try product(packing)
        #expect(before == (try product(plain)))
        func change(_ what: Comment, _ body: (WeightMatrix) throws -> Void) throws {
            for matrix in [plain, packing] { try body(matrix) }
            let after = try product(packing)
            #expect(after != before, what)
            #expect(after == (try product(plain)), what)
            before = after
        }
        let count = plain.parts[1].rows.count * plain.columns
        let mask = AlignedBuffer(bytes: [UInt8](repeating: 0b0101_1010, count: (count + 7) / 8))
        let left = AlignedBuffer([Float](repeating: 0.5, count: plain.parts[1].rows.count))
        let right = AlignedBuffer([Float](repeating: 0.25, count: plain.columns))
        try change("zeroed") { $0.zero(part: 1, mask: mask) }
        try change("restored") { try $0.restore() }
        try change("scaled") { $0.scale(part: 0, by: 0.5) }
        try change("restored after scaling") { try $0.restore() }
        try change("added") { try $0.add(part: 1, left: left, right: right, rank: 1) }
        try change("reloaded") { try $0.reload() }
        try change("renewed") { try $0.renew(part: 1, left: left, right: right, rank: 1) }
        try change("rewound") { try $0.rewind(part: 1, mask: mask) }
        // As training does: packing is off while it writes.
        try change("trained") {
            let packs = $0.packs
            $0.packs = false
            for i in 0..<$0.columns { $0.resident!.floats[i] += 1 }
            $0.packs = packs
        }
    }
}
