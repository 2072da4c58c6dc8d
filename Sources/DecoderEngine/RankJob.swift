import Attribution
import Checkpoint
import Linalg
import Protocol
import Selection
import Stages
import Tensors
import Transformer

/// Subspaces or low-rank changes of one layer's maps, where its weights are. Stages without the layer have nothing to say.
final class RankJob: StageJob {
    private let id: UInt64
    private let context: StageContext
    private let task: TaskBody.RankTask

    init(_ id: UInt64, _ context: StageContext, _ task: TaskBody.RankTask) {
        self.id = id
        self.context = context
        self.task = task
    }

    func begin() throws -> [StageOutput] {
        guard context.stage.range.contains(task.layer) else { return [.result(task: id, TensorBundle())] }
        let maps = LinearMap.allCases
        var results = [Result<[TensorBundle.Entry], any Error>](repeating: .success([]), count: maps.count)
        let weights = try maps.map { try self.weights(of: $0) }
        results.withUnsafeMutableBufferPointer { slots in
            nonisolated(unsafe) let (slots, job) = (slots, self)
            // A map a thread: LAPACK has little to share out inside one.
            context.pool.run(maps.count) { number in
                slots[number] = Result { try job.entries(maps[number], weights[number]) }
            }
        }
        return [.result(task: id, TensorBundle(entries: try results.flatMap { try $0.get() }))]
    }

    func receive(_ packet: Packet) throws -> [StageOutput] { [] }

    private func entries(_ map: LinearMap, _ weights: AlignedBuffer) throws -> [TensorBundle.Entry] {
        switch task.kind {
        case .subspaces: try subspace(map, weights)
        case .factors: try factors(map, weights)
        }
    }

    /// W [d_out × d_in] of the layer as it is. Where it is resident nothing is copied.
    private func weights(of map: LinearMap) throws -> AlignedBuffer {
        let layer = context.stage.layers[task.layer - context.stage.range.lowerBound]
        let stack = layer.stacks[FusedProjection.allCases.first { $0.maps.contains(map) }!.rawValue]
        let name = map.weightName(layer: task.layer)
        let part = stack.parts.first { $0.name == name }!
        let bytes = part.rows.lowerBound * stack.columns * 4..<part.rows.upperBound * stack.columns * 4
        if let resident = stack.resident { return AlignedBuffer(part: bytes, of: resident) }
        let copy = AlignedBuffer(byteCount: bytes.count, zeroed: false)
        try stack.withFloats { copy.address.copyMemory(from: $0 + bytes.lowerBound / 4, byteCount: bytes.count) }
        return copy
    }

    // MARK: Subspaces

    private func subspace(_ map: LinearMap, _ weights: AlignedBuffer) throws -> [TensorBundle.Entry] {
        let name = map.weightName(layer: task.layer)
        let shape = map.shape(in: context.config)
        let place = SecondMoments.places(of: context.config, layer: task.layer).first { $0.maps.contains(map) }!
        guard let packed = context.operands[place.name], packed.type == .f64,
            packed.buffer.byteCount == place.packedCount * 8
        else { throw EngineError.missingOperand(place.name) }
        let moment = DenseMatrix(
            dimension: place.dimension, upperTriangle: packed.buffer.address.assumingMemoryBound(to: Double.self))
        let found = try ActSVD.subspace(
            weights.floats.baseAddress!, rows: shape.rows, columns: shape.columns, moment: moment, side: place.side,
            limit: task.limits[name])
        let count = found.singularValues.count
        let values = AlignedBuffer(byteCount: count * 8, zeroed: false)
        values.address.assumingMemoryBound(to: Double.self).update(from: found.singularValues, count: count)
        return [
            .init(
                name: name, type: .f32, shape: [shape.rows, count], buffer: found.directions.transposed.narrowed()),
            .init(name: SubspaceFile.singularValues(name), type: .f64, shape: [count], buffer: values),
        ]
    }

    // MARK: Factors

    private func factors(_ map: LinearMap, _ weights: AlignedBuffer) throws -> [TensorBundle.Entry] {
        let name = map.weightName(layer: task.layer)
        let shape = map.shape(in: context.config)
        let projections = try (0..<Operand.steps).compactMap { try projection($0, name, rows: shape.rows) }
        guard !projections.isEmpty else { return [] }
        let factors = try LowRankFactors(
            projections,
            weights: DenseMatrix(
                rows: shape.rows, columns: shape.columns, widening: weights.floats.baseAddress!))
        guard factors.rank > 0 else { return [] }
        let left = factors.leftTransposed.transposed
        // The change takes away.
        for i in 0..<left.rows * left.columns { left.pointer[i].negate() }
        return [
            .init(
                name: LowRankEdit.left(name), type: .f32, shape: [shape.rows, factors.rank], buffer: left.narrowed()),
            .init(
                name: LowRankEdit.right(name), type: .f32, shape: [factors.rank, shape.columns],
                buffer: factors.right.narrowed()),
        ]
    }

    private func projection(_ step: Int, _ weight: String, rows: Int) throws -> LowRankFactors.Projection? {
        for isComplement in [false, true] {
            let kind = Projector(source: 0, columns: [], isComplement: isComplement)
            let name = Operand.name(kind, step: step, weight: weight)
            guard let entry = context.operands[name] else { continue }
            guard entry.type == .f32, entry.shape.count == 2, entry.shape[1] == rows, entry.shape[0] <= rows else {
                throw EngineError.missingOperand(name)
            }
            return .init(
                directions: DenseMatrix(
                    rows: entry.shape[0], columns: rows,
                    widening: entry.buffer.address.assumingMemoryBound(to: Float.self)),
                isComplement: isComplement)
        }
        return nil
    }
}
