import CKernels
public import Tensors

/// An f64 matrix [rows × columns], row-major.
public final class DenseMatrix {
    public let rows: Int
    public let columns: Int
    private let buffer: AlignedBuffer
    public var pointer: UnsafeMutablePointer<Double> { buffer.address.assumingMemoryBound(to: Double.self) }

    /// Zeros.
    public init(rows: Int, columns: Int) {
        precondition(rows >= 0 && columns >= 0, "a matrix [\(rows) × \(columns)]")
        self.rows = rows
        self.columns = columns
        buffer = AlignedBuffer(byteCount: rows * columns * 8)
    }

    /// Widens f32.
    public convenience init(rows: Int, columns: Int, widening x: UnsafePointer<Float>) {
        self.init(rows: rows, columns: columns)
        fl_f32_to_f64(pointer, x, rows * columns)
    }

    public convenience init(rows: Int, columns: Int, copying x: UnsafePointer<Double>) {
        self.init(rows: rows, columns: columns)
        pointer.update(from: x, count: rows * columns)
    }

    /// The whole symmetric matrix [n × n] from its upper triangle, row by row.
    public convenience init(dimension n: Int, upperTriangle packed: UnsafePointer<Double>) {
        self.init(rows: n, columns: n)
        var next = 0
        for i in 0..<n {
            for j in i..<n {
                pointer[i * n + j] = packed[next]
                pointer[j * n + i] = packed[next]
                next += 1
            }
        }
    }

    public static func identity(_ n: Int) -> DenseMatrix {
        let matrix = DenseMatrix(rows: n, columns: n)
        for i in 0..<n { matrix.pointer[i * n + i] = 1 }
        return matrix
    }

    public var copy: DenseMatrix { DenseMatrix(rows: rows, columns: columns, copying: pointer) }

    public var transposed: DenseMatrix {
        let result = DenseMatrix(rows: columns, columns: rows)
        for i in 0..<rows { for j in 0..<columns { result.pointer[j * rows + i] = pointer[i * columns + j] } }
        return result
    }

    public subscript(row: Int, column: Int) -> Double { pointer[row * columns + column] }

    /// As f32, rounded to the nearest.
    public func narrowed() -> AlignedBuffer {
        let result = AlignedBuffer(floats: rows * columns, zeroed: false)
        fl_f64_to_f32(result.address.assumingMemoryBound(to: Float.self), pointer, rows * columns)
        return result
    }
}
