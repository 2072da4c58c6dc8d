import CKernels
import Linalg
public import Tensors

extension Head {
    /// The distribution of the token that follows each of some rows: logits in f32, their log Σ exp and the difference in
    /// f64. A probability near 1 keeps its distance to 1 so, which the log-odds of a refusal are made of.
    /// - Parameters:
    ///   - y: the last block's output [any × d]; `rows` index into it.
    ///   - tokens: whose log-probabilities are wanted; `nil`: of the whole vocabulary.
    /// - Returns: natural logarithms [rows × vocabulary], rounded once to F32, or [rows × tokens] in F64.
    /// - Throws: `StageError.badToken` where a token is outside the vocabulary; what `forEachLogits` throws.
    public func nextTokens(_ y: AlignedBuffer, rows: [Int], tokens: [Int32]?) throws -> AlignedBuffer {
        let count = vocabulary
        for token in tokens ?? [] where token < 0 || Int(token) >= count {
            throw StageError.badToken(token, vocabulary: count)
        }
        let width = tokens.map { 8 * $0.count } ?? 4 * count
        let values = AlignedBuffer(byteCount: rows.count * width, zeroed: false)
        try forEachLogits(y, rows: rows) { tile, logits, _ in
            nonisolated(unsafe) let (logits, out) = (logits, values.address + tile.lowerBound * width)
            pool.run(tile.count) { i in
                let row = logits + i * count
                let sum = fl_logsumexp_f64(row, count)
                let place = out + i * width
                guard let tokens else {
                    let floats = place.assumingMemoryBound(to: Float.self)
                    for token in 0..<count { floats[token] = Float(Double(row[token]) - sum) }
                    return
                }
                let doubles = place.assumingMemoryBound(to: Double.self)
                for (index, token) in tokens.enumerated() { doubles[index] = Double(row[Int(token)]) - sum }
            }
        }
        return values
    }
}
