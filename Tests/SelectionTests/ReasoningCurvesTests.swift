import Checkpoint
import Selection
import Tensors
import TestSupport
import Testing

/// Distances of hand-made states.
@Suite struct ReasoningCurvesTests {
    private let config = MatrixModel(layers: 2).config

    /// The same rows at all places, but for those that are given by place.
    private func states(_ rows: [String: [[Float]]], at places: [String: [String: [[Float]]]] = [:]) -> TensorBundle {
        let all = ResidualPlace.places(in: 0..<2, of: config)
        return TensorBundle(
            entries: all.flatMap { place in
                rows.map { label, values in
                    let own = places["\(place)"]?[label] ?? values
                    return TensorBundle.Entry(
                        name: "state.\(label).\(place)", type: .f32, shape: [own.count, 4],
                        buffer: AlignedBuffer(own.flatMap { $0 }))
                }
            })
    }

    private let rows: [String: [[Float]]] = [
        "prompt": [[1, 0, 0, 0], [0, 2, 0, 0]],
        // Right angles, the same direction, opposite ones.
        "benign1": [[0, 1, 0, 0], [0, 7, 0, 0]], "malicious1": [[-3, 0, 0, 0], [0, -1, 0, 0]],
        "benign3": [[1, 1, 0, 0], [0, 1, 0, 0]], "malicious3": [[0, 0, 0, 5], [0, 0, 5, 0]],
    ]

    @Test func distancesAreMeansOverPrompts() throws {
        #expect(
            ReasoningCurves.labels([1, 3]) == ["prompt", "benign1", "malicious1", "benign3", "malicious3"])
        let other = ["output": ["benign1": [[2, 0, 0, 0], [0, 2, 0, 0]] as [[Float]]]]
        let curves = try ReasoningCurves(states(rows, at: other), tokens: [1, 3], config: config)
        #expect(curves.prompts == 2)
        #expect(curves.points.map(\.tokens) == [1, 1, 1, 3, 3, 3])
        #expect(curves.points.map { "\($0.place)" } == ["input.1", "output", "norm", "input.1", "output", "norm"])
        #expect(curves.points.map(\.layer) == [0, 1, 1, 0, 1, 1])
        let root = (1 - 0.5.squareRoot()) / 2
        for (point, expected) in zip(curves.points, [0.5, 0, 0.5, root, root, root]) {
            #expect(abs(point.benign - expected) < 1e-12)
            #expect(abs(point.malicious - (point.tokens == 1 ? 2 : 1)) < 1e-12)
            #expect(abs(point.difference - (point.malicious - point.benign)) < 1e-12)
        }
        // The final norm is no block.
        let over = curves.overTokens
        #expect(over.map { $0.tokens } == [1, 3])
        #expect(abs(over[0].benign - 0.25) < 1e-12 && abs(over[0].malicious - 2) < 1e-12)
    }

    @Test func whatIsNotThereIsNamed() throws {
        var some = rows
        some["benign3"] = nil
        #expect(throws: SelectionError.missing(map: "state.benign3.input.1", source: "the statistic last_token_state"))
        {
            try ReasoningCurves(states(some), tokens: [1, 3], config: config)
        }
        some["benign3"] = [[1, 0, 0, 0]]
        #expect(throws: SelectionError.shape(map: "state.benign3.input.1", expected: [2, 4], found: [1, 4])) {
            try ReasoningCurves(states(some), tokens: [1, 3], config: config)
        }
        some["benign3"] = [[1, 0, 0, 0], [0, 0, 0, 0]]
        #expect(
            throws: SelectionError.file(
                "the statistic last_token_state", map: "state.benign3.input.1", fault: "row 1 has no direction")
        ) { try ReasoningCurves(states(some), tokens: [1, 3], config: config) }
    }
}
