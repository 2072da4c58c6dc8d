import Checkpoint
import Linalg
public import Tensors
import Transformer

/// What is trained beside the linear maps in place of them (LoRA, Hu et al., arXiv 2106.09685): W + scale · B A.
public struct LowRankTraining {
    public var rank: Int
    public var scale: Float
    /// Tensors of a map's weight beside it: A [rank × d_in] and B [d_out × rank].
    public var names: (_ weight: String) -> (a: String, b: String)
    /// A's first values, [rank × d_in] of a weight; `nil`: the map is not trained.
    public var start: (_ weight: String, _ columns: Int) -> AlignedBuffer?

    public init(
        rank: Int, scale: Float, names: @escaping (_ weight: String) -> (a: String, b: String),
        start: @escaping (_ weight: String, _ columns: Int) -> AlignedBuffer?
    ) {
        (self.rank, self.scale, self.names, self.start) = (rank, scale, names, start)
    }
}

/// The matrices A and B beside one stage's linear maps, with their gradients and moments.
///
/// The stage computes with W + scale · B A as one matrix, which is made of the checkpoint's W anew after every step: forward
/// and backward need no other code, no second copy of W is held, and the model is to the bit the one that the low-rank edit
/// (scale · B, A) makes. The gradients come from a step's rows, never from the gradient of W:
/// dB = scale · dyᵀ (x Aᵀ), dA = scale · (dy B)ᵀ x.
final class LowRankAdapters {
    private struct Adapter {
        let matrix: WeightMatrix
        let part: Int
        let a: Trainer.Parameter
        let b: Trainer.Parameter
    }

    private let settings: LowRankTraining
    private let pool: ThreadPool
    private var adapters: [String: [Adapter]] = [:]
    private var order: [Adapter] = []

    /// - Throws: where `saved` lacks something.
    init(
        _ stage: Stage, pool: ThreadPool, _ settings: LowRankTraining, saved: SavedTraining?
    ) throws(SavedTraining.Fault) {
        self.settings = settings
        self.pool = pool
        for layer in stage.layers {
            for (number, matrix) in layer.stacks.enumerated() {
                for (index, part) in matrix.parts.enumerated() {
                    guard let start = settings.start(part.name, matrix.columns) else { continue }
                    let names = settings.names(part.name)
                    let (rank, rows, columns) = (settings.rank, part.rows.count, matrix.columns)
                    let adapter = Adapter(
                        matrix: matrix, part: index,
                        a: try Trainer.Parameter(
                            start, parts: [(names.a, [rank, columns], 0..<rank * columns)], frozen: [nil], saved: saved),
                        b: try Trainer.Parameter(
                            AlignedBuffer(floats: rows * rank), parts: [(names.b, [rows, rank], 0..<rows * rank)],
                            frozen: [nil], saved: saved))
                    adapters[Self.key(layer.layerIndex, number), default: []].append(adapter)
                    order.append(adapter)
                }
            }
        }
    }

    private static func key(_ layer: Int, _ stack: Int) -> String { "\(layer).\(stack)" }

    var parameters: [Trainer.Parameter] { order.flatMap { [$0.a, $0.b] } }

    /// Adds a batch's gradients of A and B beside the maps of a stack. Arguments as those of `Tap.gradient`.
    func addGradient(
        layer: Int, stack: Int, x: UnsafePointer<Float>, columns: Int, dy: UnsafePointer<Float>, outputs: Int, rows: Int
    ) {
        let rank = settings.rank
        for adapter in adapters[Self.key(layer, stack)] ?? [] {
            let place = adapter.matrix.parts[adapter.part].rows
            let dy = dy + place.lowerBound
            let inner = AlignedBuffer(floats: rows * rank, zeroed: false)
            let t = inner.floats.baseAddress!
            // x Aᵀ
            GEMM.linear(
                pool, y: t, ldy: rank, x: x, ldx: columns, w: adapter.a.weight.floats.baseAddress!, rows: rows,
                outputs: rank, inputs: columns)
            scale(inner)
            GEMM.weightGradient(
                pool, dw: adapter.b.gradient.floats.baseAddress!, dy: dy, lddy: outputs, x: t, ldx: rank, rows: rows,
                outputs: place.count, inputs: rank)
            // dy B
            GEMM.inputGradient(
                pool, dx: t, lddx: rank, dy: dy, lddy: outputs, w: adapter.b.weight.floats.baseAddress!, rows: rows,
                outputs: place.count, inputs: rank)
            scale(inner)
            GEMM.weightGradient(
                pool, dw: adapter.a.gradient.floats.baseAddress!, dy: t, lddy: rank, x: x, ldx: columns, rows: rows,
                outputs: rank, inputs: columns)
        }
    }

    private func scale(_ buffer: AlignedBuffer) {
        for index in buffer.floats.indices { buffer.floats[index] *= settings.scale }
    }

    /// Makes the stage's weights W + scale · B A of the checkpoint's W. Where B is zero they stay the checkpoint's to the bit.
    /// - Throws: what reading the checkpoint throws.
    func merge() throws {
        for adapter in order {
            let b = adapter.b.weight
            let isZero = b.floats.allSatisfy { $0 == 0 }
            let left = AlignedBuffer(floats: b.floats.count, zeroed: false)
            for index in b.floats.indices { left.floats[index] = settings.scale * b.floats[index] }
            try adapter.matrix.renew(
                part: adapter.part, left: isZero ? nil : left, right: adapter.a.weight, rank: settings.rank)
        }
    }
}
