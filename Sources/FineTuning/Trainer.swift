import CKernels
import Checkpoint
public import Linalg
public import Tensors
public import Transformer

/// AdamW over one stage's parameters: gradients, moments and update stay with the stage.
///
/// Gradients add in micro-batch order. A frozen weight gets no update at all, and no moments.
public final class Trainer: Tap {
    /// Hyper-parameters of Loshchilov & Hutter 2019.
    public struct Settings: Sendable {
        public var learningRate: Float
        public var beta1: Float
        public var beta2: Float
        public var epsilon: Float
        public var weightDecay: Float

        public init(learningRate: Float, beta1: Float, beta2: Float, epsilon: Float, weightDecay: Float) {
            self.learningRate = learningRate
            self.beta1 = beta1
            self.beta2 = beta2
            self.epsilon = epsilon
            self.weightDecay = weightDecay
        }
    }

    private let stage: Stage
    private let pool: ThreadPool
    private var parameters: [Parameter] = []
    private var stacks: [String: Parameter] = [:]
    private var vectors: [String: UnsafeMutablePointer<Float>] = [:]
    /// The embedding's and the head's parameter; one where they are tied inside this stage.
    public private(set) var embedding: Parameter?
    public private(set) var head: Parameter?
    private var step = 0

    /// One trained buffer: weights in place, gradient and moments beside them.
    public final class Parameter {
        /// Checkpoint tensors inside, by their range of floats.
        public let parts: [(name: String, shape: [Int], range: Range<Int>)]
        let weight: AlignedBuffer
        public let gradient: AlignedBuffer
        let first: AlignedBuffer
        let second: AlignedBuffer
        /// Bits per part, or nil.
        var frozen: [AlignedBuffer?]

        init(
            _ weight: AlignedBuffer, parts: [(name: String, shape: [Int], range: Range<Int>)], frozen: [AlignedBuffer?]
        ) {
            self.weight = weight
            self.parts = parts
            self.frozen = frozen
            gradient = AlignedBuffer(byteCount: weight.byteCount)
            first = AlignedBuffer(byteCount: weight.byteCount)
            second = AlignedBuffer(byteCount: weight.byteCount)
        }
    }

    /// - Parameters:
    ///   - all: train everything the stage holds (embedding, norms, biases, head); else its linear maps only.
    ///   - frozen: bits by weight name; set = frozen.
    ///   - ownsEmbedding: false in a first stage whose tied embedding is trained by the last stage.
    public init(
        _ stage: Stage, pool: ThreadPool, all: Bool, frozen: [String: AlignedBuffer], ownsEmbedding: Bool = true
    ) {
        self.stage = stage
        self.pool = pool
        for layer in stage.layers {
            for (number, matrix) in layer.stacks.enumerated() {
                let parameter = add(matrix, frozen: frozen)
                stacks["\(layer.layerIndex).\(number)"] = parameter
            }
            if all { for (name, buffer, parts) in layer.vectors { add(vector: name, buffer, parts: parts) } }
        }
        guard all else { return }
        if let matrix = stage.head?.matrix { head = add(matrix, frozen: [:]) }
        if let norm = stage.head?.normVector { add(vector: norm.name, norm.buffer, parts: norm.parts) }
        if let table = stage.embedding?.resident, ownsEmbedding {
            embedding = table === stage.head?.matrix ? head : add(table, frozen: [:])
        }
    }

    /// Bytes of gradients and moments for `weights` trained floats.
    public static func stateBytes(weights: Int) -> Int { 3 * 4 * weights }

    public func gradient(
        layer: Int, stack: Stack, x: UnsafePointer<Float>, columns: Int, dy: UnsafePointer<Float>, outputs: Int,
        batch: PackedBatch
    ) {
        guard let parameter = stacks["\(layer).\(stack.rawValue)"] else { return }
        GEMM.weightGradient(
            pool, dw: parameter.gradient.floats.baseAddress!, dy: dy, lddy: outputs, x: x, ldx: columns,
            rows: batch.rowCount, outputs: outputs, inputs: columns)
    }

    public func vectorGradient(_ name: String) -> UnsafeMutablePointer<Float>? { vectors[name] }

    /// Adds the gradient at the embedding's rows [tokens.count × d], in token order.
    public func addEmbeddingGradient(_ dx: UnsafePointer<Float>, tokens: [Int32]) {
        guard let parameter = embedding ?? head else { return }
        let width = stage.config.hiddenSize
        for (i, token) in tokens.enumerated() {
            fl_add(parameter.gradient.floats.baseAddress! + Int(token) * width, dx + i * width, width)
        }
    }

    /// One AdamW step from the gradients gathered since the last; clears them.
    public func update(_ s: Settings) {
        step += 1
        let correction1 = Float(1 - power(Double(s.beta1), step))
        let correction2 = Float((1 - power(Double(s.beta2), step)).squareRoot())
        for parameter in parameters {
            for (part, bits) in zip(parameter.parts, parameter.frozen) {
                let mask = bits.map { UnsafePointer($0.address.assumingMemoryBound(to: UInt8.self)) }
                let start = part.range.lowerBound
                let w = parameter.weight.floats.baseAddress! + start
                let g = parameter.gradient.floats.baseAddress! + start
                let m = parameter.first.floats.baseAddress! + start
                let v = parameter.second.floats.baseAddress! + start
                pool.run(over: part.range.count, by: 1 << 18) { r in
                    let i = r.lowerBound
                    fl_adamw(
                        w + i, g + i, m + i, v + i, r.count, s.learningRate, s.beta1, s.beta2, s.epsilon, s.weightDecay,
                        correction1, correction2, mask, i)
                    (g + i).update(repeating: 0, count: r.count)
                }
            }
        }
    }

    /// The trained tensors as they are now, by their checkpoint names.
    public func tensors() -> [TensorBundle.Entry] {
        parameters.flatMap { parameter in
            parameter.parts.map { part in
                let buffer = AlignedBuffer(floats: part.range.count, zeroed: false)
                buffer.address.copyMemory(
                    from: parameter.weight.address + part.range.lowerBound * 4, byteCount: part.range.count * 4)
                return TensorBundle.Entry(name: part.name, type: .f32, shape: part.shape, buffer: buffer)
            }
        }
    }

    private func add(_ matrix: WeightMatrix, frozen: [String: AlignedBuffer]) -> Parameter {
        guard let weight = matrix.resident else { preconditionFailure("training needs resident weights") }
        let parameter = Parameter(
            weight,
            parts: matrix.parts.map {
                (
                    $0.name, [$0.rows.count, matrix.columns],
                    $0.rows.lowerBound * matrix.columns..<$0.rows.upperBound * matrix.columns
                )
            }, frozen: matrix.parts.map { frozen[$0.name] })
        parameters.append(parameter)
        return parameter
    }

    private func add(vector name: String, _ buffer: AlignedBuffer, parts: [(name: String, count: Int)]) {
        var start = 0
        let parameter = Parameter(
            buffer,
            parts: parts.map { part in
                defer { start += part.count }
                return (part.name, [part.count], start..<start + part.count)
            }, frozen: parts.map { _ in nil })
        parameters.append(parameter)
        for part in parameter.parts {
            vectors[part.name] = parameter.gradient.floats.baseAddress! + part.range.lowerBound
        }
    }

    private func power(_ base: Double, _ exponent: Int) -> Double {
        var result = 1.0
        for _ in 0..<exponent { result *= base }
        return result
    }
}
