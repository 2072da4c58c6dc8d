public import Checkpoint
public import Transformer

/// Several statistics of one pass.
public final class ScoreTap: Tap {
    private let taps: [any Tap]
    public let readsResidual: Bool

    public init(_ taps: [any Tap]) {
        self.taps = taps
        readsResidual = taps.contains { $0.readsResidual }
    }

    public func input(layer: Int, stack: FusedProjection, x: UnsafePointer<Float>, columns: Int, batch: PackedBatch) {
        for tap in taps { tap.input(layer: layer, stack: stack, x: x, columns: columns, batch: batch) }
    }

    public func gradient(
        layer: Int, stack: FusedProjection, x: UnsafePointer<Float>, columns: Int, dy: UnsafePointer<Float>,
        outputs: Int,
        batch: PackedBatch
    ) {
        for tap in taps {
            tap.gradient(layer: layer, stack: stack, x: x, columns: columns, dy: dy, outputs: outputs, batch: batch)
        }
    }

    public func residual(_ place: ResidualPlace, x: UnsafePointer<Float>, columns: Int, batch: PackedBatch) {
        for tap in taps { tap.residual(place, x: x, columns: columns, batch: batch) }
    }
}
