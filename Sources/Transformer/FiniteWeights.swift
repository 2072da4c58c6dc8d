import CKernels
import Checkpoint
import Linalg
import Tensors

/// Weights as they are read: every one is a finite number, or the error says which is not.
enum FiniteWeights {
    /// Widens rows `rows` of a tensor into `destination`.
    /// - Throws: `StageError.badWeight`, or what the source throws.
    static func read(
        _ source: any WeightSource, _ name: String, rows: Range<Int>, columns: Int,
        into destination: UnsafeMutablePointer<Float>
    ) throws {
        try source.read(name, rows: rows, into: destination)
        let count = rows.count * columns
        let place = fl_first_not_finite(destination, count)
        guard place < count else { return }
        let stored = (source as? EditableSource)?.base ?? source
        throw StageError.badWeight(
            BadWeight(
                file: (stored as? Checkpoint)?.path, tensor: name, row: rows.lowerBound + place / columns,
                column: columns == 1 ? nil : place % columns, value: destination[place]))
    }

    /// Reads a whole tensor for nothing but to see that it is sound.
    static func check(_ source: any WeightSource, _ name: String, rows: Int, columns: Int, pool: ThreadPool) throws {
        let failures = Failures()
        pool.run(over: rows, by: max(1, (1 << 18) / max(1, columns))) { part in
            let buffer = AlignedBuffer(floats: part.count * columns, zeroed: false)
            do {
                try read(source, name, rows: part, columns: columns, into: buffer.floats.baseAddress!)
            } catch { failures.add(error) }
        }
        try failures.rethrow()
    }
}

/// A weight of the checkpoint that is infinite or no number.
public struct BadWeight: Sendable, Equatable {
    public var file: String?
    public var tensor: String
    public var row: Int
    /// `nil` in vectors.
    public var column: Int?
    public var value: Float
}
