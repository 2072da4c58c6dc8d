import CKernels
public import Checkpoint
public import Linalg
public import Tensors

/// One or more checkpoint matrices that share an input, stacked by rows so that one GEMM serves them all
/// (q, k, v; gate, up).
///
/// Resident: f32 in memory. Streamed: widened from the checkpoint into `scratch` at each use, one matrix at a time.
public final class WeightMatrix {
    public struct Part {
        public let name: String
        /// Rows inside the stack.
        public let rows: Range<Int>
    }

    public let parts: [Part]
    public let rows: Int
    public let columns: Int
    /// f32 [rows × columns] where resident. Whoever writes to it turns `packs` off first.
    public private(set) var resident: AlignedBuffer?
    /// Whether products take a packed copy of the resident weights, made at the first one. No value changes by it.
    public var packs = false {
        didSet { if !packs { packed = nil } }
    }
    private var packed: PackedWeights?
    /// The weights have changed since they were packed.
    private var isOutdated = false
    private let source: any WeightSource
    private let pool: ThreadPool
    private let scratch: AlignedBuffer?
    /// Current edit: per part, bits of the weights that read as zero, and, where resident, what they were.
    private var masks: [Int: AlignedBuffer] = [:]
    private var originals: [Int: [Float]] = [:]
    /// Per part, factors of a change: W + left · right.
    private var changes: [Int: Change] = [:]
    /// Per part, a factor of all its weights.
    private var factors: [Int: Float] = [:]

    private struct Change {
        let left: AlignedBuffer
        let right: AlignedBuffer
        let rank: Int
    }

    /// - Parameter scratch: a buffer of at least rows × columns floats, shared by the stage's streamed matrices; nil
    ///   makes this matrix resident.
    /// - Throws: `StageError.missingTensor`, or what the source throws.
    public init(_ names: [String], source: any WeightSource, pool: ThreadPool, scratch: AlignedBuffer?) throws {
        var parts: [Part] = []
        var rows = 0
        var columns = 0
        for name in names {
            guard let shape = source.shape(of: name), shape.count == 2 else { throw StageError.missingTensor(name) }
            parts.append(Part(name: name, rows: rows..<rows + shape[0]))
            rows += shape[0]
            columns = shape[1]
        }
        self.parts = parts
        self.rows = rows
        self.columns = columns
        self.source = source
        self.pool = pool
        self.scratch = scratch
        if scratch == nil {
            let buffer = AlignedBuffer(floats: rows * columns, zeroed: false)
            resident = buffer
            try widen(into: buffer)
        } else {
            // Read for nothing but to see that every weight is a number, before any work.
            try widen(into: scratch!)
        }
    }

    /// The stack as f32 [rows × columns]; not to be nested with another streamed matrix.
    /// - Throws: where it is not resident, `StageError.badWeight` for a weight that is no finite number and what the
    ///   source throws; what `body` throws.
    public func withFloats<R>(_ body: (UnsafePointer<Float>) throws -> R) throws -> R {
        if let resident { return try body(resident.floats.baseAddress!) }
        try widen(into: scratch!)
        for (part, change) in changes { add(part, change, in: scratch!) }
        for (part, factor) in factors { scale(part, factor, in: scratch!) }
        for (part, mask) in masks { zero(part, mask, in: scratch!) }
        return try body(scratch!.floats.baseAddress!)
    }

    /// y [count × rows] = x · Wᵀ for `count` dense rows x [count × columns].
    /// - Throws: where it is not resident, what `withFloats` throws.
    public func multiply(_ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, count: Int) throws {
        if packs, let resident { pack(resident.floats.baseAddress!) }
        if let packed { return GEMM.linear(pool, y: y, ldy: rows, x: x, ldx: columns, w: packed, rows: count) }
        try withFloats {
            GEMM.linear(
                pool, y: y, ldy: rows, x: x, ldx: columns, w: $0, rows: count, outputs: rows, inputs: columns)
        }
    }

    private func pack(_ w: UnsafePointer<Float>) {
        if packed == nil {
            packed = PackedWeights(pool, w, outputs: rows, inputs: columns)
        } else if isOutdated {
            packed?.renew(pool, w)
        }
        isOutdated = false
    }

    /// Reads the checkpoint again, forgetting edits and training.
    /// - Throws: `StageError.badWeight` where a weight is no finite number; what the source throws.
    public func reload() throws {
        (masks, originals, changes, factors) = ([:], [:], [:], [:])
        isOutdated = true
        if let resident { try widen(into: resident) }
    }

    /// Makes the masked weights of part `part` read as zero, after an `add` where there is one. `mask`: bit i of the part's
    /// flat row-major index.
    public func zero(part: Int, mask: AlignedBuffer) {
        precondition(masks[part] == nil, "an edit is already applied to \(parts[part].name)")
        masks[part] = mask
        isOutdated = true
        guard let resident else { return }
        let first = parts[part].rows.lowerBound * columns
        let count = parts[part].rows.count * columns
        let bits = mask.address.assumingMemoryBound(to: UInt8.self)
        let w = resident.floats.baseAddress! + first
        var kept: [Float] = []
        for i in 0..<count where bits[i >> 3] >> UInt8(i & 7) & 1 == 1 { kept.append(w[i]) }
        originals[part] = kept
        zero(part, mask, in: resident)
    }

    /// Undoes every `zero`, from memory, and every `add` and `scale`, from the checkpoint.
    /// - Throws: what the source throws.
    public func restore() throws {
        guard !(masks.isEmpty && changes.isEmpty && factors.isEmpty) else { return }
        isOutdated = true
        if let resident {
            for (part, mask) in masks {
                let w = resident.floats.baseAddress! + parts[part].rows.lowerBound * columns
                let bits = mask.address.assumingMemoryBound(to: UInt8.self)
                let kept = originals[part]!
                var next = 0
                for i in 0..<parts[part].rows.count * columns where bits[i >> 3] >> UInt8(i & 7) & 1 == 1 {
                    w[i] = kept[next]
                    next += 1
                }
            }
        }
        if let resident {
            // Adding the opposite, or dividing, would leave a rounding behind: the checkpoint has the values.
            for part in Set(changes.keys).union(factors.keys) { try widen(part, into: resident) }
        }
        (masks, originals, changes, factors) = ([:], [:], [:], [:])
    }

    /// Adds left [rows × rank] · right [rank × columns] to part `part`, until `restore`.
    /// - Throws: nothing: the checkpoint is not read.
    public func add(part: Int, left: AlignedBuffer, right: AlignedBuffer, rank: Int) throws {
        precondition(changes[part] == nil && masks[part] == nil, "an edit is already applied to \(parts[part].name)")
        let change = Change(left: left, right: right, rank: rank)
        changes[part] = change
        isOutdated = true
        if let resident { add(part, change, in: resident) }
    }

    /// Multiplies part `part` by a factor, until `restore`.
    public func scale(part: Int, by factor: Float) {
        precondition(
            changes[part] == nil && masks[part] == nil && factors[part] == nil,
            "an edit is already applied to \(parts[part].name)")
        factors[part] = factor
        isOutdated = true
        if let resident { scale(part, factor, in: resident) }
    }

    private func scale(_ part: Int, _ factor: Float, in buffer: AlignedBuffer) {
        let rows = parts[part].rows
        fl_scale(buffer.floats.baseAddress! + rows.lowerBound * columns, factor, rows.count * columns)
    }

    /// Makes part `part` the checkpoint's weights plus left [rows × rank] · right [rank × columns], whatever it is now; only a
    /// `reload` undoes it. Without `left` the checkpoint's weights alone. The matrix has to be resident.
    /// - Throws: what the source throws.
    public func renew(part: Int, left: AlignedBuffer?, right: AlignedBuffer, rank: Int) throws {
        guard let resident else { preconditionFailure("training needs resident weights") }
        isOutdated = true
        try widen(part, into: resident)
        if let left { add(part, Change(left: left, right: right, rank: rank), in: resident) }
    }

    /// Gives the masked weights of part `part` the checkpoint's values, as widened to f32, whatever they are now; only a
    /// `reload` undoes it. `mask`: as in `zero`. The matrix has to be resident.
    /// - Throws: what the source throws.
    public func rewind(part number: Int, mask: AlignedBuffer) throws {
        guard let resident else { preconditionFailure("rewinding needs resident weights") }
        isOutdated = true
        let part = parts[number]
        nonisolated(unsafe) let w = resident.floats.baseAddress! + part.rows.lowerBound * columns
        nonisolated(unsafe) let bits = UnsafePointer(mask.address.assumingMemoryBound(to: UInt8.self))
        let failures = Failures()
        pool.run(over: part.rows.count, by: max(1, (1 << 18) / max(1, columns))) { rows in
            let original = AlignedBuffer(floats: rows.count * columns, zeroed: false)
            do {
                try FiniteWeights.read(
                    source, part.name, rows: rows, columns: columns, into: original.floats.baseAddress!)
                let first = rows.lowerBound * columns
                fl_mask_copy(w + first, original.floats.baseAddress!, bits, first, rows.count * columns)
            } catch { failures.add(error) }
        }
        try failures.rethrow()
    }

    private func add(_ part: Int, _ change: Change, in buffer: AlignedBuffer) {
        let rows = parts[part].rows
        let w = buffer.floats.baseAddress! + rows.lowerBound * columns
        let left = change.left.floats.baseAddress!
        let right = change.right.floats.baseAddress!
        pool.run(over: rows.count, by: 96) {
            fl_low_rank_add(
                w + $0.lowerBound * columns, left + $0.lowerBound * change.rank, right, change.rank, $0.count, columns)
        }
    }

    private func zero(_ part: Int, _ mask: AlignedBuffer, in buffer: AlignedBuffer) {
        let first = parts[part].rows.lowerBound * columns
        let bits = mask.address.assumingMemoryBound(to: UInt8.self)
        let w = buffer.floats.baseAddress! + first
        pool.run(over: parts[part].rows.count * columns, by: 1 << 20) {
            fl_mask_zero(w + $0.lowerBound, bits, $0.lowerBound, $0.count)
        }
    }

    private func widen(into buffer: AlignedBuffer) throws {
        for part in parts.indices { try widen(part, into: buffer) }
    }

    private func widen(_ number: Int, into buffer: AlignedBuffer) throws {
        let part = parts[number]
        try readRows(
            source, part.name, count: part.rows.count, columns: columns, pool: pool,
            into: buffer.floats.baseAddress! + part.rows.lowerBound * columns)
    }
}

/// Widens a whole tensor, its rows shared out over the pool.
func readRows(
    _ source: any WeightSource, _ name: String, count: Int, columns: Int, pool: ThreadPool,
    into destination: UnsafeMutablePointer<Float>
) throws {
    let step = max(1, (1 << 18) / max(1, columns))
    let failures = Failures()
    nonisolated(unsafe) let out = destination
    pool.run(over: count, by: step) { rows in
        do {
            try FiniteWeights.read(
                source, name, rows: rows, columns: columns, into: out + rows.lowerBound * columns)
        } catch { failures.add(error) }
    }
    try failures.rethrow()
}
