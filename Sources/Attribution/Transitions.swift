public import Checkpoint
public import Selection
public import Tensors
public import Transformer

/// The residual stream at the last token of every prompt, and that less the one at the last token of its response, a row for
/// each, in the order of the prompts (`Transition`).
public final class Transitions: Collector {
    private let places: [ResidualPlace]
    private let classes: Int
    private let width: Int
    private var rows: [ResidualPlace: (states: [Float], changes: [Float], marks: [Float])] = [:]
    private var failure: StageError?
    public let readsResidual = true

    public init(_ statistic: Transition, _ place: CollectorPlace) {
        places = ResidualPlace.places(in: place.layers, of: place.config)
        classes = place.classes
        width = place.config.hiddenSize
    }

    public func residual(_ place: ResidualPlace, x: UnsafePointer<Float>, columns: Int, batch: PackedBatch) {
        guard places.contains(place) else { return }
        for span in batch.examples {
            guard let row = span.promptRow(fromEnd: 1), !span.responseRows.isEmpty else {
                failure = .badBatch("a prompt or its response has no token")
                continue
            }
            let prompt = x + row * columns
            let response = x + (span.responseRows.upperBound - 1) * columns
            var own = rows.removeValue(forKey: place) ?? ([], [], [])
            own.states += UnsafeBufferPointer(start: prompt, count: columns)
            own.changes += (0..<columns).map { prompt[$0] - response[$0] }
            own.marks += (0..<classes).map { $0 == span.group ? 1 : 0 }
            rows[place] = own
        }
    }

    /// F32 states and changes [prompts × width] and marks [prompts × classes], for every place in the stage.
    /// - Throws: `StageError.badBatch` where an example has no prompt or no response.
    public func take() throws -> [TensorBundle.Entry] {
        if let failure { throw failure }
        return places.flatMap { place -> [TensorBundle.Entry] in
            let own = rows.removeValue(forKey: place) ?? ([], [], [])
            return [
                entry(.state, place, own.states, width), entry(.change, place, own.changes, width),
                entry(.isOfClass, place, own.marks, classes),
            ]
        }
    }

    private func entry(
        _ kind: StatisticName.Transitions, _ place: ResidualPlace, _ values: [Float], _ columns: Int
    ) -> TensorBundle.Entry {
        .init(
            name: StatisticName.transition(kind, place), type: .f32, shape: [values.count / columns, columns],
            buffer: AlignedBuffer(values))
    }
}
