import Checkpoint
import Selection
import Tensors
import TestSupport
import Testing

@Suite struct HeadProbeTests {
    let files = TemporaryFolder()
    /// Two layers of two heads, two wide.
    let config = MatrixModel(layers: 2).config
    let labels = (0..<28).map { $0 % 2 == 0 }

    /// - Parameter value: of a prompt, layer, head and column.
    private func features(_ value: (Int, Int, Int, Int) -> Float) throws -> SafetensorsFile {
        let path = files.file("features.safetensors")
        try TensorBundle(
            entries: (0..<2).map { layer in
                let values = labels.indices.flatMap { prompt in
                    (0..<4).map { value(prompt, layer, $0 / 2, $0 % 2) }
                }
                return .init(
                    name: StatisticName.headOutput(layer: layer), type: .f32, shape: [labels.count, 4],
                    buffer: AlignedBuffer(values))
            }
        ).write(safetensors: path)
        return try SafetensorsFile(path: path)
    }

    private func noise(_ values: Int...) -> Float {
        RandomStream(seed: 1, name: "\(values)").float(0) - 0.5
    }

    @Test func theHeadThatTellsComesFirst() throws {
        let file = try features { prompt, layer, head, column in
            if (layer, head, column) == (1, 0, 1) { return labels[prompt] ? 2 : -2 }
            return noise(prompt, layer, head, column)
        }
        let probe = try HeadProbe(file, config: config, labels: labels, seed: 5, c: 1)
        #expect(probe.heads.map { [$0.layer, $0.head] } == [[0, 0], [0, 1], [1, 0], [1, 1]])
        #expect(probe.ranking[0] == HeadProbe.Head(layer: 1, head: 0, accuracy: 1, trainingAccuracy: 1))
        #expect(probe.ranking[1].accuracy < 1)
        #expect(try HeadProbe(file, config: config, labels: labels, seed: 5, c: 1) == probe)
    }

    @Test func tiesGoToTheLowerHead() throws {
        let file = try features { prompt, layer, head, _ in (layer, head) == (0, 0) ? 0 : labels[prompt] ? 1 : -1 }
        let probe = try HeadProbe(file, config: config, labels: labels, seed: 5, c: 1)
        #expect(probe.ranking.map { [$0.layer, $0.head] } == [[0, 1], [1, 0], [1, 1], [0, 0]])
        // A head that shows nothing says the same of every prompt.
        #expect(probe.ranking[3].accuracy == 0.5)
    }

    /// Held-out: what only the training prompts show does not count.
    @Test func accuracyIsOfPromptsNotSeen() throws {
        let split = try HeadProbe.Split(labels, seed: 5)
        let trained = Set(split.training)
        let file = try features { prompt, _, _, _ in labels[prompt] == trained.contains(prompt) ? 1 : -1 }
        for head in try HeadProbe(file, config: config, labels: labels, seed: 5, c: 1).heads {
            #expect(head.trainingAccuracy == 1)
            #expect(head.accuracy == 0)
        }
    }

    @Test func splitIsFiveToTwoOfEitherKind() throws {
        let labels = (0..<840).map { $0 < 420 }
        let split = try HeadProbe.Split(labels, seed: 42)
        #expect(split.training.count == 600)
        #expect(split.training.count { labels[$0] } == 300)
        #expect(split.test.count { labels[$0] } == 120)
        #expect(Set(split.training + split.test) == Set(0..<840))
        #expect(try HeadProbe.Split(labels, seed: 43) != split)
        #expect(try HeadProbe.Split(labels, seed: 42) == split)
    }

    @Test func tooFewPrompts() {
        #expect(
            throws: SelectionError.tooFew(what: "harmless prompts to train and test on", wanted: 2, available: 1)
        ) { try HeadProbe.Split([true, true, false], seed: 1) }
    }

    @Test func wrongFilesAreNamed() throws {
        let file = try features { _, _, _, _ in .nan }
        #expect(throws: SelectionError.notANumber(map: "head_output.0", index: 0)) {
            try HeadProbe(file, config: config, labels: labels, seed: 1, c: 1)
        }
        #expect(throws: SelectionError.shape(map: "head_output.0", expected: [27, 4], found: [28, 4])) {
            try HeadProbe(file, config: config, labels: Array(labels.dropLast()), seed: 1, c: 1)
        }
    }
}
