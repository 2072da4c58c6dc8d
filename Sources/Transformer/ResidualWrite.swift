/// Changes the residual stream where a decoder block hands it on: in forward passes, in prefill and in every decoding step.
///
/// Which rows are changed follows from a sequence's prompt and the positions alone, so that it is the same with and without
/// a key-value cache, and whatever sequences are computed together.
public protocol ResidualWrite: AnyObject {
    /// - Parameter prompt: the tokens before the sequence's response.
    /// - Returns: the first position of the sequence that is changed, as are all after it; `nil`: none is.
    func firstPosition(prompt: [Int32]) -> Int?

    /// Changes rows of a block's output in place.
    /// - Parameters:
    ///   - x: [rows of the batch × columns].
    ///   - rows: those to be changed, ascending.
    func write(layer: Int, x: UnsafeMutablePointer<Float>, columns: Int, rows: [Int])
}
