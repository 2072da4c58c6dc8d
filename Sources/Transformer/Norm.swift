import CKernels
import Checkpoint
import Linalg
import Tensors

/// RMS normalisation over rows of width `size` (Zhang & Sennrich 2019).
final class Norm {
    let name: String
    let weight: AlignedBuffer
    let epsilon: Float
    var size: Int { weight.byteCount / 4 }
    private let source: any WeightSource

    init(_ name: String, source: any WeightSource) throws {
        guard let shape = source.shape(of: name), shape.count == 1 else { throw StageError.missingTensor(name) }
        self.name = name
        self.source = source
        epsilon = source.config.normEpsilon
        weight = AlignedBuffer(floats: shape[0], zeroed: false)
        try reload()
    }

    func reload() throws {
        try FiniteWeights.read(source, name, rows: 0..<size, columns: 1, into: weight.floats.baseAddress!)
    }

    /// y [rows × size], from x.
    func forward(_ pool: ThreadPool, y: UnsafeMutablePointer<Float>, x: UnsafePointer<Float>, rows: Int) {
        let w = weight.floats.baseAddress!
        pool.run(over: rows, by: 48) { for r in $0 { fl_rmsnorm(y + r * size, x + r * size, w, size, epsilon) } }
    }

    /// dx += …; `dw` (may be nil) accumulates over rows in order, on one thread.
    func backward(
        _ pool: ThreadPool, dx: UnsafeMutablePointer<Float>, dw: UnsafeMutablePointer<Float>?, dy: UnsafePointer<Float>,
        x: UnsafePointer<Float>, rows: Int
    ) {
        let w = weight.floats.baseAddress!
        if let dw {
            for r in 0..<rows { fl_rmsnorm_backward(dx + r * size, dw, dy + r * size, x + r * size, w, size, epsilon) }
        } else {
            pool.run(over: rows, by: 48) {
                for r in $0 { fl_rmsnorm_backward(dx + r * size, nil, dy + r * size, x + r * size, w, size, epsilon) }
            }
        }
    }

    /// The norm over each head of q or k (Qwen3), in place: rows of `heads` heads, `stride` floats apart.
    func forwardHeads(_ x: UnsafeMutablePointer<Float>, heads: Int) {
        let w = weight.floats.baseAddress!
        for h in 0..<heads { fl_rmsnorm(x + h * size, x + h * size, w, size, epsilon) }
    }
}
