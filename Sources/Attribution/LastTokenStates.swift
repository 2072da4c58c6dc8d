public import Checkpoint
public import Selection
public import Tensors
public import Transformer

/// The residual stream at the last token of every prompt, a row for each, in the order of the prompts (`LastTokenState`).
public final class LastTokenStates: Collector {
    private let places: [ResidualPlace]
    private let classes: Int
    private let width: Int
    private var rows: [ResidualPlace: [Float]] = [:]
    private var marks: [ResidualPlace: [Float]] = [:]
    private var failure: StageError?
    public let readsResidual = true

    public init(_ statistic: LastTokenState, _ place: CollectorPlace) {
        places = ResidualPlace.places(in: place.layers, of: place.config)
        classes = place.classes
        width = place.config.hiddenSize
    }

    public func residual(_ place: ResidualPlace, x: UnsafePointer<Float>, columns: Int, batch: PackedBatch) {
        guard places.contains(place) else { return }
        for span in batch.examples {
            guard let row = span.promptRow(fromEnd: 1) else {
                failure = .badBatch("a prompt has no token")
                continue
            }
            rows[place, default: []] += UnsafeBufferPointer(start: x + row * columns, count: columns)
            marks[place, default: []] += (0..<classes).map { $0 == span.group ? 1 : 0 }
        }
    }

    /// F32 states [prompts × width] and marks [prompts × classes], for every place in the stage.
    /// - Throws: `StageError.badBatch` where an example has no prompt.
    public func take() throws -> [TensorBundle.Entry] {
        if let failure { throw failure }
        return places.flatMap { place -> [TensorBundle.Entry] in
            let (states, classes) = (rows.removeValue(forKey: place) ?? [], marks.removeValue(forKey: place) ?? [])
            return [
                .init(
                    name: StatisticName.lastToken(.state, place), type: .f32, shape: [states.count / width, width],
                    buffer: AlignedBuffer(states)),
                .init(
                    name: StatisticName.lastToken(.isOfClass, place), type: .f32,
                    shape: [classes.count / self.classes, self.classes], buffer: AlignedBuffer(classes)),
            ]
        }
    }
}
