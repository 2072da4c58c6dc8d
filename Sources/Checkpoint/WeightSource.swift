/// Where a stage reads its weights: tensors under their Hugging Face names, in Hugging Face row order, widened to f32.
public protocol WeightSource: AnyObject, Sendable {
    var config: ModelConfig { get }
    /// [rows, columns], or [count] for vectors; `nil` where the checkpoint has no such tensor.
    func shape(of name: String) -> [Int]?
    /// Widens the tensor's rows `rows` (of its first dimension) to f32 into `destination` [rows.count × columns].
    /// Safe to call from several threads at once.
    /// - Throws: `CheckpointError` where the tensor is missing or has an element type that cannot be widened.
    func read(_ name: String, rows: Range<Int>, into destination: UnsafeMutablePointer<Float>) throws
}
