public import Checkpoint
public import Selection
public import Tensors
public import Transformer

/// Sums of the residual stream and of its squares at chosen tokens of every prompt, by class, in f64 (`ResidualState`).
///
/// Prompts add in their order, so the sums depend on the block's batches alone.
public final class ResidualStates: Collector {
    private let positions: [Int]
    private let places: [ResidualPlace]
    private let classes: Int
    private let width: Int
    /// [classes × positions × width].
    private var sums: [ResidualPlace: [Double]] = [:]
    private var squares: [ResidualPlace: [Double]] = [:]
    private var counts: [ResidualPlace: [Double]] = [:]
    private var failure: StageError?
    public let readsResidual = true

    public init(_ statistic: ResidualState, _ place: CollectorPlace) {
        positions = statistic.positions
        places = ResidualPlace.places(in: place.layers, of: place.config)
        classes = place.classes
        width = place.config.hiddenSize
        let zeros = [Double](repeating: 0, count: classes * positions.count * width)
        for place in places {
            sums[place] = zeros
            squares[place] = zeros
            counts[place] = [Double](repeating: 0, count: classes)
        }
    }

    public func residual(_ place: ResidualPlace, x: UnsafePointer<Float>, columns: Int, batch: PackedBatch) {
        guard counts[place] != nil else { return }
        for span in batch.examples {
            counts[place]![span.group] += 1
            for (number, position) in positions.enumerated() {
                guard let row = span.promptRow(fromEnd: -position) else {
                    failure = .badBatch("a prompt has no token at position \(position)")
                    continue
                }
                let first = (span.group * positions.count + number) * width
                for column in 0..<width {
                    let value = Double(x[row * columns + column])
                    sums[place]![first + column] += value
                    squares[place]![first + column] += value * value
                }
            }
        }
    }

    /// F64 sums and sums of squares [classes × positions × width] and counts [classes], for every place in the stage.
    /// - Throws: `StageError.badBatch` where a prompt had no token at one of the positions.
    public func take() throws -> [TensorBundle.Entry] {
        if let failure { throw failure }
        let shape = [classes, positions.count, width]
        return places.flatMap { place -> [TensorBundle.Entry] in
            [
                entry(.sum, place, shape, sums[place]!), entry(.squares, place, shape, squares[place]!),
                entry(.count, place, [classes], counts[place]!),
            ]
        }
    }

    private func entry(
        _ kind: StatisticName.Residual, _ place: ResidualPlace, _ shape: [Int], _ values: [Double]
    ) -> TensorBundle.Entry {
        .init(
            name: StatisticName.residual(kind, place), type: .f64, shape: shape, buffer: AlignedBuffer(doubles: values))
    }
}
