import CKernels
import Checkpoint
import Linalg
public import Tensors

/// One decoder block: x → h = x + o(attention(norm(x))) → h + down(silu(gate(norm h)) · up(norm h)).
public final class DecoderLayer {
    let index: Int
    let config: ModelConfig
    let pool: ThreadPool
    let rope: Rope
    let attention: Attention
    /// q, k, v | o | gate, up | down, in the order of `FusedProjection.allCases`.
    public let stacks: [WeightMatrix]
    /// Per stack: biases of its maps side by side, or nil.
    var biases: [AlignedBuffer?]
    let inputNorm: Norm
    let postAttentionNorm: Norm
    let queryNorm: Norm?
    let keyNorm: Norm?
    /// Changes activations of the block.
    var writer: (any ResidualWrite)?
    private let source: any WeightSource

    init(
        _ index: Int, source: any WeightSource, pool: ThreadPool, rope: Rope, scratch: AlignedBuffer?
    ) throws {
        self.index = index
        self.source = source
        config = source.config
        self.pool = pool
        self.rope = rope
        attention = Attention(source.config, layer: index)
        stacks = try FusedProjection.allCases.map {
            try WeightMatrix($0.maps.map { $0.weightName(layer: index) }, source: source, pool: pool, scratch: scratch)
        }
        biases = try FusedProjection.allCases.map { try DecoderLayer.readBiases($0, layer: index, source: source) }
        let prefix = "model.layers.\(index)."
        inputNorm = try Norm(prefix + "input_layernorm.weight", source: source)
        postAttentionNorm = try Norm(prefix + "post_attention_layernorm.weight", source: source)
        queryNorm = config.queryKeyNorm ? try Norm(prefix + "self_attn.q_norm.weight", source: source) : nil
        keyNorm = config.queryKeyNorm ? try Norm(prefix + "self_attn.k_norm.weight", source: source) : nil
    }

    var norms: [Norm] { [inputNorm, postAttentionNorm, queryNorm, keyNorm].compactMap { $0 } }

    func reload() throws {
        for stack in stacks { try stack.reload() }
        for norm in norms { try norm.reload() }
        biases = try FusedProjection.allCases.map { try DecoderLayer.readBiases($0, layer: index, source: source) }
    }

    private static func readBiases(_ stack: FusedProjection, layer: Int, source: any WeightSource) throws
        -> AlignedBuffer?
    {
        let sizes = stack.maps.map { ($0.biasName(layer: layer), $0.shape(in: source.config).rows) }
        guard sizes.contains(where: { source.shape(of: $0.0) != nil }) else { return nil }
        let buffer = AlignedBuffer(floats: sizes.reduce(0) { $0 + $1.1 })
        var offset = 0
        for (name, count) in sizes {
            if source.shape(of: name) != nil {
                try FiniteWeights.read(
                    source, name, rows: 0..<count, columns: 1, into: buffer.floats.baseAddress! + offset)
            }
            offset += count
        }
        return buffer
    }

    /// What the backward needs of a forward; every buffer has one row per token. `ModelFootprint.activationBytesPerToken`
    /// counts all but the input.
    public struct Activations {
        let input: AlignedBuffer
        let normed: AlignedBuffer
        /// q, k, v before the head norms (Qwen3), where those exist.
        let rawQKV: AlignedBuffer?
        let qkv: AlignedBuffer
        let context: AlignedBuffer
        let middle: AlignedBuffer
        let normedMiddle: AlignedBuffer
        let gateUp: AlignedBuffer
        let hidden: AlignedBuffer

        /// Bytes of all but the input, which the layer below holds as its output.
        package var byteCount: Int {
            [normed, qkv, context, middle, normedMiddle, gateUp, hidden].reduce(rawQKV?.byteCount ?? 0) {
                $0 + $1.byteCount
            }
        }
    }

    /// - Parameters:
    ///   - x: [rows × d].
    ///   - attend: fills context [rows × heads·headDim] from qkv; the batch's own causal attention by default.
    /// - Returns: the block's output [rows × d] and what its backward needs.
    /// - Throws: `StageError.badBatch` beyond the trained positions of a model with dynamic scaling; where weights are
    ///   not resident, what `WeightMatrix.withFloats` throws.
    public func forward(
        _ x: AlignedBuffer, batch: PackedBatch, tap: (any Tap)? = nil,
        attend: ((UnsafePointer<Float>, UnsafeMutablePointer<Float>) -> Void)? = nil
    ) throws -> (output: AlignedBuffer, activations: Activations) {
        let x = written(x, batch)
        let rows = batch.rowCount
        let d = config.hiddenSize
        let f = config.intermediateSize
        let width = attention.width
        let normed = AlignedBuffer(floats: rows * d, zeroed: false)
        inputNorm.forward(pool, y: normed.p, x: x.p, rows: rows)
        tap?.input(layer: index, stack: .attentionInput, x: normed.p, columns: d, batch: batch)
        let qkv = AlignedBuffer(floats: rows * width, zeroed: false)
        try apply(.attentionInput, y: qkv, x: normed, rows: rows)
        var raw: AlignedBuffer?
        if queryNorm != nil {
            raw = AlignedBuffer(floats: rows * width, zeroed: false)
            raw!.address.copyMemory(from: qkv.address, byteCount: qkv.byteCount)
        }
        try rotate(qkv, batch: batch)
        let context = AlignedBuffer(floats: rows * config.headCount * config.headDim, zeroed: false)
        if let attend {
            attend(qkv.p, context.p)
        } else {
            attention.forward(pool, batch: batch, qkv: qkv.p, context: context.p)
        }
        tap?.input(
            layer: index, stack: .attentionOutput, x: context.p, columns: config.headCount * config.headDim,
            batch: batch)
        let middle = AlignedBuffer(floats: rows * d, zeroed: false)
        try apply(.attentionOutput, y: middle, x: context, rows: rows)
        write(.attentionOutput, middle, batch)
        add(middle, x)
        let normedMiddle = AlignedBuffer(floats: rows * d, zeroed: false)
        postAttentionNorm.forward(pool, y: normedMiddle.p, x: middle.p, rows: rows)
        tap?.input(layer: index, stack: .mlpInput, x: normedMiddle.p, columns: d, batch: batch)
        let gateUp = AlignedBuffer(floats: rows * 2 * f, zeroed: false)
        try apply(.mlpInput, y: gateUp, x: normedMiddle, rows: rows)
        let hidden = AlignedBuffer(floats: rows * f, zeroed: false)
        pool.run(over: rows, by: 48) { tile in
            for r in tile { fl_swiglu(hidden.p + r * f, gateUp.p + r * 2 * f, gateUp.p + r * 2 * f + f, f) }
        }
        tap?.input(layer: index, stack: .mlpOutput, x: hidden.p, columns: f, batch: batch)
        let output = AlignedBuffer(floats: rows * d, zeroed: false)
        try apply(.mlpOutput, y: output, x: hidden, rows: rows)
        write(.mlpOutput, output, batch)
        add(output, middle)
        write(.output, output, batch)
        return (
            output,
            Activations(
                input: x, normed: normed, rawQKV: raw, qkv: qkv, context: context, middle: middle,
                normedMiddle: normedMiddle, gateUp: gateUp, hidden: hidden)
        )
    }

    /// - Parameter dy: gradient at the block's output [rows × d]; overwritten.
    /// - Returns: gradient at its input [rows × d].
    /// - Throws: where weights are not resident, what `WeightMatrix.withFloats` throws.
    public func backward(_ dy: AlignedBuffer, _ a: Activations, batch: PackedBatch, tap: any Tap) throws
        -> AlignedBuffer
    {
        let rows = batch.rowCount
        let d = config.hiddenSize
        let f = config.intermediateSize
        let q = config.headCount * config.headDim
        // MLP: dy is also the residual's gradient at `middle`.
        let dhidden = AlignedBuffer(floats: rows * f, zeroed: false)
        try backward(.mlpOutput, dx: dhidden, dy: dy, x: a.hidden, batch: batch, tap: tap)
        let dgateUp = AlignedBuffer(floats: rows * 2 * f, zeroed: false)
        pool.run(over: rows, by: 48) { tile in
            for r in tile {
                let g = a.gateUp.p + r * 2 * f
                fl_swiglu_backward(dgateUp.p + r * 2 * f, dgateUp.p + r * 2 * f + f, dhidden.p + r * f, g, g + f, f)
            }
        }
        let dnormed = AlignedBuffer(floats: rows * d, zeroed: false)
        try backward(.mlpInput, dx: dnormed, dy: dgateUp, x: a.normedMiddle, batch: batch, tap: tap)
        postAttentionNorm.backward(
            pool, dx: dy.p, dw: tap.vectorGradient(postAttentionNorm.name), dy: dnormed.p, x: a.middle.p, rows: rows)
        // Attention: dy is now the gradient at `middle`, and the residual's at the input.
        let dcontext = AlignedBuffer(floats: rows * q, zeroed: false)
        try backward(.attentionOutput, dx: dcontext, dy: dy, x: a.context, batch: batch, tap: tap)
        let dqkv = AlignedBuffer(floats: rows * attention.width, zeroed: false)
        attention.backward(pool, batch: batch, qkv: a.qkv.p, dcontext: dcontext.p, dqkv: dqkv.p)
        unrotate(dqkv, raw: a.rawQKV, batch: batch, tap: tap)
        try backward(.attentionInput, dx: dnormed, dy: dqkv, x: a.normed, batch: batch, tap: tap)
        inputNorm.backward(
            pool, dx: dy.p, dw: tap.vectorGradient(inputNorm.name), dy: dnormed.p, x: a.input.p, rows: rows)
        return dy
    }

    private func apply(_ stack: FusedProjection, y: AlignedBuffer, x: AlignedBuffer, rows: Int) throws {
        let matrix = stacks[stack.rawValue]
        try matrix.multiply(x.p, into: y.p, count: rows)
        guard let bias = biases[stack.rawValue] else { return }
        pool.run(over: rows, by: 48) { for r in $0 { fl_add(y.p + r * matrix.rows, bias.p, matrix.rows) } }
    }

    private func backward(
        _ stack: FusedProjection, dx: AlignedBuffer, dy: AlignedBuffer, x: AlignedBuffer, batch: PackedBatch,
        tap: any Tap
    ) throws {
        let matrix = stacks[stack.rawValue]
        try matrix.withFloats {
            GEMM.inputGradient(
                pool, dx: dx.p, lddx: matrix.columns, dy: dy.p, lddy: matrix.rows, w: $0, rows: batch.rowCount,
                outputs: matrix.rows, inputs: matrix.columns)
        }
        tap.gradient(
            layer: index, stack: stack, x: x.p, columns: matrix.columns, dy: dy.p, outputs: matrix.rows, batch: batch)
        guard biases[stack.rawValue] != nil else { return }
        var column = 0
        for map in stack.maps {
            let size = map.shape(in: config).rows
            if let gradient = tap.vectorGradient(map.biasName(layer: index)) {
                fl_column_sum(gradient, dy.p + column, batch.rowCount, size, matrix.rows)
            }
            column += size
        }
    }

    /// Has the writer change rows of x [rows × d] in place.
    private func write(_ place: WrittenPlace, _ x: AlignedBuffer, _ batch: PackedBatch) {
        guard let writer, batch.isWritten, writer.writes(place, layer: index) else { return }
        if !batch.written.isEmpty {
            writer.write(place, layer: index, x: x.p, columns: config.hiddenSize, rows: batch.written)
        }
        if !batch.opposed.isEmpty {
            writer.writeOpposite(place, layer: index, x: x.p, columns: config.hiddenSize, rows: batch.opposed)
        }
    }

    /// The block's input as the writer has it; the input itself may be another's to read.
    private func written(_ x: AlignedBuffer, _ batch: PackedBatch) -> AlignedBuffer {
        guard let writer, batch.isWritten, writer.writes(.input, layer: index) else { return x }
        let copy = AlignedBuffer(floats: batch.rowCount * config.hiddenSize, zeroed: false)
        copy.address.copyMemory(from: x.address, byteCount: copy.byteCount)
        write(.input, copy, batch)
        return copy
    }

    private func add(_ y: AlignedBuffer, _ x: AlignedBuffer) {
        pool.run(over: y.byteCount / 4, by: 1 << 18) { fl_add(y.p + $0.lowerBound, x.p + $0.lowerBound, $0.count) }
    }

    /// Head norms (Qwen3), then rotary embedding, in place on q and k.
    private func rotate(_ qkv: AlignedBuffer, batch: PackedBatch) throws {
        let dim = config.headDim
        try rope.prepare(positions: Int(batch.positions.max() ?? 0) + 1)
        pool.run(over: batch.rowCount, by: 48) { tile in
            for r in tile {
                let row = qkv.p + r * attention.width
                queryNorm?.forwardHeads(row, heads: config.headCount)
                keyNorm?.forwardHeads(row + config.headCount * dim, heads: config.keyValueHeadCount)
                for h in 0..<config.headCount + config.keyValueHeadCount {
                    rope.rotate(row + h * dim, position: Int(batch.positions[r]))
                }
            }
        }
    }

    /// Gradient of `rotate`, in place on dq and dk.
    private func unrotate(_ dqkv: AlignedBuffer, raw: AlignedBuffer?, batch: PackedBatch, tap: any Tap) {
        let dim = config.headDim
        let heads = config.headCount + config.keyValueHeadCount
        pool.run(over: batch.rowCount, by: 48) { tile in
            for r in tile {
                for h in 0..<heads {
                    rope.rotate(dqkv.p + r * attention.width + h * dim, position: Int(batch.positions[r]), sign: -1)
                }
            }
        }
        guard let raw, let queryNorm, let keyNorm else { return }
        let dqueryWeight = tap.vectorGradient(queryNorm.name)
        let dkeyWeight = tap.vectorGradient(keyNorm.name)
        // Weights' gradients add up row after row; without them every row stands for itself.
        let isSplit = dqueryWeight == nil && dkeyWeight == nil
        pool.run(over: batch.rowCount, by: isSplit ? 48 : max(1, batch.rowCount)) { tile in
            let before = AlignedBuffer(floats: dim, zeroed: false)
            for r in tile {
                for h in 0..<heads {
                    let norm = h < config.headCount ? queryNorm : keyNorm
                    let at = r * attention.width + h * dim
                    before.address.copyMemory(from: dqkv.p + at, byteCount: dim * 4)
                    (dqkv.p + at).update(repeating: 0, count: dim)
                    fl_rmsnorm_backward(
                        dqkv.p + at, h < config.headCount ? dqueryWeight : dkeyWeight, before.p, raw.p + at,
                        norm.weight.p, dim, norm.epsilon)
                }
            }
        }
    }
}

extension AlignedBuffer {
    /// The buffer as floats.
    var p: UnsafeMutablePointer<Float> { address.assumingMemoryBound(to: Float.self) }
}
