/// Changes activations of the residual stream's width while data run through a decoder block: in forward passes, in prefill
/// and in every decoding step. Weights stay as they are.
///
/// Which rows are changed follows from a sequence's prompt and the positions alone, so that it is the same with and without
/// a key-value cache, and whatever sequences are computed together. A tap sees a block's input as it was handed on, before
/// it is changed there.
public protocol ResidualWrite: AnyObject {
    /// Whether a gradient passes the change as it is, as it does where a constant is added. Nothing is differentiated through
    /// another change.
    var keepsGradients: Bool { get }

    /// - Parameter prompt: the tokens before the sequence's response.
    /// - Returns: the first position of the sequence that is changed, as are all after it; `nil`: none is.
    func firstPosition(prompt: [Int32]) -> Int?

    /// - Returns: whether the sequence is changed the opposite way.
    func isOpposed(prompt: [Int32]) -> Bool

    /// Whether anything is changed at this place of a block.
    func writes(_ place: WrittenPlace, layer: Int) -> Bool

    /// Changes rows of what is at that place, in place.
    /// - Parameters:
    ///   - x: [rows of the batch × columns].
    ///   - rows: those to be changed, ascending.
    func write(_ place: WrittenPlace, layer: Int, x: UnsafeMutablePointer<Float>, columns: Int, rows: [Int])

    /// The same of rows of sequences that are changed the opposite way.
    func writeOpposite(_ place: WrittenPlace, layer: Int, x: UnsafeMutablePointer<Float>, columns: Int, rows: [Int])
}

extension ResidualWrite {
    public func isOpposed(prompt: [Int32]) -> Bool { false }
    /// A change that has no opposite is asked for none.
    public func writeOpposite(
        _ place: WrittenPlace, layer: Int, x: UnsafeMutablePointer<Float>, columns: Int, rows: [Int]
    ) { preconditionFailure("a change that has no opposite") }
}

/// The places of a decoder block at which a `ResidualWrite` can change something.
public enum WrittenPlace: Sendable, CaseIterable {
    /// What comes into the block, as attention, norms and the residual connection read it.
    case input
    /// What attention adds to the stream, its bias included.
    case attentionOutput
    /// What the MLP adds to the stream, its bias included.
    case mlpOutput
    /// What the block hands on.
    case output
}
