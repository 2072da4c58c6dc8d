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
    /// Optimiser steps made.
    public private(set) var step = 0
    private var decays = false
    private let saved: SavedTraining?
    /// What is trained in place of the linear maps.
    private let adapters: LowRankAdapters?
    /// Holds trained weights, but cannot train on: what it was made of had no moments.
    public var isFinal: Bool { saved?.isFinal ?? false }

    /// One trained buffer: weights in place, gradient and moments beside them.
    public final class Parameter {
        /// Checkpoint tensors inside, by their range of floats.
        public let parts: [(name: String, shape: [Int], range: Range<Int>)]
        let weight: AlignedBuffer
        public let gradient: AlignedBuffer
        /// Moments, by part.
        let first: [AlignedBuffer]
        let second: [AlignedBuffer]
        /// Bits per part, or nil.
        var frozen: [AlignedBuffer?]

        init(
            _ weight: AlignedBuffer, parts: [(name: String, shape: [Int], range: Range<Int>)], frozen: [AlignedBuffer?],
            saved: SavedTraining?
        ) throws(SavedTraining.Fault) {
            self.weight = weight
            self.parts = parts
            self.frozen = frozen
            guard let saved else {
                gradient = AlignedBuffer(byteCount: weight.byteCount)
                first = parts.map { AlignedBuffer(floats: $0.range.count) }
                second = parts.map { AlignedBuffer(floats: $0.range.count) }
                return
            }
            var (first, second): ([AlignedBuffer], [AlignedBuffer]) = ([], [])
            for part in parts {
                let state = try saved.take(part.name, floats: part.range.count)
                (weight.address + part.range.lowerBound * 4).copyMemory(
                    from: state.weight.address, byteCount: state.weight.byteCount)
                // Its memory is free before that of the gradient is asked for.
                state.weight.discardPages()
                first.append(state.first)
                second.append(state.second)
            }
            (self.first, self.second) = (first, second)
            gradient = AlignedBuffer(byteCount: saved.isFinal ? 0 : weight.byteCount)
        }
    }

    /// - Parameters:
    ///   - all: train everything the stage holds (embedding, norms, biases, head); else its linear maps only.
    ///   - frozen: bits by weight name; set = frozen.
    ///   - ownsEmbedding: false in a first stage whose tied embedding is trained by the last stage.
    ///   - lowRank: train matrices beside the linear maps, and nothing else. Where it goes on, `merge` is to be called.
    ///   - saved: where to go on; the stage's weights become what it holds.
    /// - Throws: where `saved` lacks something.
    public init(
        _ stage: Stage, pool: ThreadPool, all: Bool, frozen: [String: AlignedBuffer], ownsEmbedding: Bool = true,
        lowRank: LowRankTraining? = nil, saved: SavedTraining? = nil
    ) throws(SavedTraining.Fault) {
        self.stage = stage
        self.pool = pool
        self.saved = saved
        step = saved?.steps ?? 0
        adapters = try Self.adapters(stage, pool, lowRank, saved)
        if let adapters {
            parameters = adapters.parameters
            return
        }
        for layer in stage.layers {
            for (number, matrix) in layer.stacks.enumerated() {
                let parameter = try add(matrix, frozen: frozen)
                stacks["\(layer.layerIndex).\(number)"] = parameter
            }
            guard all else { continue }
            for (name, buffer, parts) in layer.vectors { try add(vector: name, buffer, parts: parts, frozen: frozen) }
        }
        guard all else { return }
        if let matrix = stage.head?.matrix { head = try add(matrix, frozen: [:]) }
        if let norm = stage.head?.normVector {
            try add(vector: norm.name, norm.buffer, parts: norm.parts, frozen: frozen)
        }
        if let table = stage.embedding?.resident, ownsEmbedding {
            embedding = table === stage.head?.matrix ? head : try add(table, frozen: [:])
        }
    }

    private static func adapters(
        _ stage: Stage, _ pool: ThreadPool, _ settings: LowRankTraining?, _ saved: SavedTraining?
    ) throws(SavedTraining.Fault) -> LowRankAdapters? {
        guard let settings else { return nil }
        return try LowRankAdapters(stage, pool: pool, settings, saved: saved)
    }

    public func gradient(
        layer: Int, stack: FusedProjection, x: UnsafePointer<Float>, columns: Int, dy: UnsafePointer<Float>,
        outputs: Int,
        batch: PackedBatch
    ) {
        if let adapters {
            return adapters.addGradient(
                layer: layer, stack: stack.rawValue, x: x, columns: columns, dy: dy, outputs: outputs,
                rows: batch.rowCount)
        }
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

    /// Rows [width] of a parameter that training may have moved: those with a moment, or all where weights decay.
    public func movedRows(of parameter: Parameter?, width: Int) -> [Int32] {
        guard let parameter, let first = parameter.first.first, let second = parameter.second.first else { return [] }
        return (0..<first.byteCount / 4 / width).filter { row in
            decays
                || (row * width..<(row + 1) * width).contains { first.floats[$0] != 0 || second.floats[$0] != 0 }
        }.map { Int32($0) }
    }

    /// Makes the stage's weights what the matrices beside them say, where such are trained.
    /// - Throws: what reading the checkpoint throws.
    public func merge() throws { try adapters?.merge() }

    /// One AdamW step from the gradients gathered since the last; clears them.
    /// - Throws: as `merge`.
    public func update(_ s: Settings) throws {
        step += 1
        decays = decays || s.weightDecay != 0
        let correction1 = Float(1 - power(Double(s.beta1), step))
        let correction2 = Float((1 - power(Double(s.beta2), step)).squareRoot())
        for parameter in parameters {
            for (number, (part, bits)) in zip(parameter.parts, parameter.frozen).enumerated() {
                let mask = bits.map { UnsafePointer($0.address.assumingMemoryBound(to: UInt8.self)) }
                let start = part.range.lowerBound
                let w = parameter.weight.floats.baseAddress! + start
                let g = parameter.gradient.floats.baseAddress! + start
                let m = parameter.first[number].floats.baseAddress!
                let v = parameter.second[number].floats.baseAddress!
                pool.run(over: part.range.count, by: 1 << 18) { r in
                    let i = r.lowerBound
                    fl_adamw(
                        w + i, g + i, m + i, v + i, r.count, s.learningRate, s.beta1, s.beta2, s.epsilon, s.weightDecay,
                        correction1, correction2, mask, i)
                    (g + i).update(repeating: 0, count: r.count)
                }
            }
        }
        try merge()
    }

    /// The trained tensors as they are now, by their checkpoint names; with their moments where asked for
    /// (`SavedTraining` has the names). They are the trainer's own memory: good until its next step.
    public func tensors(moments: Bool = false) -> [TensorBundle.Entry] {
        parameters.flatMap { parameter in
            parameter.parts.indices.flatMap { number -> [TensorBundle.Entry] in
                let part = parameter.parts[number]
                let weight = AlignedBuffer(
                    part: part.range.lowerBound * 4..<part.range.upperBound * 4, of: parameter.weight)
                var entries = [TensorBundle.Entry(name: part.name, type: .f32, shape: part.shape, buffer: weight)]
                if moments {
                    for (prefix, buffer) in [
                        (SavedTraining.first, parameter.first[number]),
                        (SavedTraining.second, parameter.second[number]),
                    ] { entries.append(.init(name: prefix + part.name, type: .f32, shape: part.shape, buffer: buffer)) }
                }
                return entries
            }
        }
    }

    private func add(_ matrix: WeightMatrix, frozen: [String: AlignedBuffer]) throws(SavedTraining.Fault) -> Parameter {
        guard let weight = matrix.resident else { preconditionFailure("training needs resident weights") }
        let parameter = try Parameter(
            weight,
            parts: matrix.parts.map {
                (
                    $0.name, [$0.rows.count, matrix.columns],
                    $0.rows.lowerBound * matrix.columns..<$0.rows.upperBound * matrix.columns
                )
            }, frozen: matrix.parts.map { frozen[$0.name] }, saved: saved)
        parameters.append(parameter)
        return parameter
    }

    private func add(
        vector name: String, _ buffer: AlignedBuffer, parts: [(name: String, count: Int)],
        frozen: [String: AlignedBuffer]
    ) throws(SavedTraining.Fault) {
        var start = 0
        let parameter = try Parameter(
            buffer,
            parts: parts.map { part in
                defer { start += part.count }
                return (part.name, [part.count], start..<start + part.count)
            }, frozen: parts.map { frozen[$0.name] }, saved: saved)
        parameters.append(parameter)
        guard !isFinal else { return }
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
