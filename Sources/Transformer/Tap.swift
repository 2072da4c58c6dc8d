public import Checkpoint

/// The places of a block where linear maps meet their inputs: maps that share an input run as one GEMM and share a tap.
public enum FusedProjection: Int, CaseIterable, Sendable {
    case attentionInput, attentionOutput, mlpInput, mlpOutput

    public var maps: [LinearMap] {
        switch self {
        case .attentionInput: [.q, .k, .v]
        case .attentionOutput: [.o]
        case .mlpInput: [.gate, .up]
        case .mlpOutput: [.down]
        }
    }
}

/// What a stage exposes while it runs. Pointers are valid during the call only.
public protocol Tap: AnyObject {
    /// The input of a stack, x [rows × columns], in the forward pass.
    func input(layer: Int, stack: FusedProjection, x: UnsafePointer<Float>, columns: Int, batch: PackedBatch)
    /// The gradient at a stack's outputs, dy [rows × outputs] (its maps side by side), with its input, in the backward pass.
    func gradient(
        layer: Int, stack: FusedProjection, x: UnsafePointer<Float>, columns: Int, dy: UnsafePointer<Float>,
        outputs: Int,
        batch: PackedBatch)
    /// Whether the stage shows the residual stream.
    var readsResidual: Bool { get }
    /// The residual stream at a place, x [rows × columns], in the forward pass, where `readsResidual`.
    func residual(_ place: ResidualPlace, x: UnsafePointer<Float>, columns: Int, batch: PackedBatch)
    /// Where to add the gradient of a norm's or bias's weight, or nil where nobody trains it.
    func vectorGradient(_ name: String) -> UnsafeMutablePointer<Float>?
}

extension Tap {
    public func input(layer: Int, stack: FusedProjection, x: UnsafePointer<Float>, columns: Int, batch: PackedBatch) {}
    public func gradient(
        layer: Int, stack: FusedProjection, x: UnsafePointer<Float>, columns: Int, dy: UnsafePointer<Float>,
        outputs: Int,
        batch: PackedBatch
    ) {}
    public var readsResidual: Bool { false }
    public func residual(_ place: ResidualPlace, x: UnsafePointer<Float>, columns: Int, batch: PackedBatch) {}
    public func vectorGradient(_ name: String) -> UnsafeMutablePointer<Float>? { nil }
}
