import Checkpoint
import Selection
import Tensors
import Testing

/// The arithmetic of SCANS' gate, on numbers that can be checked by hand.
@Suite struct ScansGateTests {
    @Test func aReferenceIsLikeItself() {
        let change: [Float] = [3, -4, 12]
        #expect(abs(ScansGate.cosine(change, ScansGate.mean([change])) - 1) < 1e-15)
        #expect(abs(ScansGate.cosine([-3, 4, -12], ScansGate.mean([change])) + 1) < 1e-15)
        #expect(ScansGate.cosine([4, 3, 0], ScansGate.mean([change])) == 0)
        // As torch has it, not a number that is none.
        #expect(ScansGate.cosine([0, 0, 0], ScansGate.mean([change])) == 0)
        #expect(ScansGate.cosine(change, [0, 0, 0]) == 0)
    }

    @Test func theReferenceIsTheMeanOfChangesAndTheScoreTheMeanOfCosines() {
        #expect(ScansGate.mean([[1, 2], [3, 6]]) == [2, 4])
        let gate = ScansGate(layers: [1, 2], threshold: 0.25)
        #expect(gate.score([9, 1, -0.5]) == 0.25)
        // At the threshold a prompt is unsafe.
        #expect(gate.isUnsafe([9, 1, -0.5]) && !gate.isUnsafe([9, 1, -0.5000001]))
    }

    @Test func aRefusalVectorHasLengthOne() {
        let vector = ScansGate.refusalVector(harmful: [[4, 1], [2, 7]], harmless: [[0, 0]])
        #expect(abs(vector[0] - 0.6) < 1e-15 && abs(vector[1] - 0.8) < 1e-15)
        #expect(ScansGate.refusalVector(harmful: [[1, 2]], harmless: [[1, 2]]) == [0, 0])
    }

    @Test func theThresholdIsInTheWidestGapOfTheBestOnes() {
        let gate = ScansGate.calibrated(
            harmful: [[0.9], [0.75], [0.25]], harmless: [[0.125], [-0.5], [0.5]], layers: nil, threshold: nil)
        // Between 0.125 and 0.25, and between 0.5 and 0.75, five of six are right; the second gap is wider.
        #expect(gate == ScansGate(layers: [0], threshold: 0.625))
        let accuracy = ScansGate.Accuracy(
            gate, harmful: [[0.9], [0.75], [0.25]], harmless: [[0.125], [-0.5], [0.5]])
        #expect(accuracy.harmful == (2, 3) && accuracy.harmless == (3, 3))
        #expect(abs(accuracy.balanced - 5.0 / 6) < 1e-15)
        #expect(accuracy.words == "2 of 3 harmful and 3 of 3 harmless prompts right")
        #expect(accuracy.precision == 1 && accuracy.recall == 2.0 / 3)
    }

    @Test func precisionAndRecallAreOfUnsafe() {
        let some = ScansGate.Accuracy(harmful: (3, 4), harmless: (5, 6))
        #expect(some.unsafe == 4 && some.precision == 0.75 && some.recall == 0.75)
        let none = ScansGate.Accuracy(harmful: (0, 0), harmless: (2, 2))
        #expect(none.precision == nil && none.recall == nil)
    }

    /// Of an evaluation without prompts nothing is said.
    @Test func aResultSaysWhatTheGateCameTo() {
        let calibration = ScansGate.Accuracy(harmful: (3, 4), harmless: (6, 6))
        func words(_ layers: [Int], _ evaluation: ScansGate.Accuracy?) -> String {
            ScansGateResult(
                ScansGate(layers: layers, threshold: 0.123456), calibration: calibration, evaluation: evaluation
            ).words
        }
        let own = "calibration: 3 of 4 harmful and 6 of 6 harmless prompts right (balanced accuracy 87.5 %)"
        #expect(words([1, 3], nil) == "gate at 0.1235 over blocks 1 3; \(own)")
        #expect(words([2], .init(harmful: (0, 0), harmless: (0, 0))) == "gate at 0.1235 over block 2; \(own)")
        #expect(
            words([1, 2], .init(harmful: (0, 0), harmless: (1, 4)))
                == "gate at 0.1235 over blocks 1 to 2; \(own); called unsafe in the evaluation: 3 of 4 harmless")
    }

    /// Block 1 tells the kinds apart, block 0 tells them wrong, block 2 tells nothing.
    @Test func theBlocksAreThoseThatTellTheKindsApart() {
        let harmful = [[-1, 0.75, 0.1], [-1, 0.5, 0.1]]
        let harmless = [[1, 0.25, 0.1], [1, 0.0, 0.1]]
        let gate = ScansGate.calibrated(harmful: harmful, harmless: harmless, layers: nil, threshold: nil)
        #expect(gate.layers == [1, 2])
        #expect(abs(gate.threshold - (0.375 + 0.1) / 2) < 1e-12)
        let stated = ScansGate.calibrated(harmful: harmful, harmless: harmless, layers: [0, 1], threshold: nil)
        #expect(stated.layers == [0, 1])
        let both = ScansGate.calibrated(harmful: harmful, harmless: harmless, layers: [1], threshold: 0.7)
        #expect(both == ScansGate(layers: [1], threshold: 0.7))
    }

    @Test func aStatedThresholdChoosesTheBlocksAlone() {
        let gate = ScansGate.calibrated(
            harmful: [[0.1, 0.9]], harmless: [[0.0, 0.2]], layers: nil, threshold: 0.75)
        #expect(gate == ScansGate(layers: [1], threshold: 0.75))
    }

    @Test func ofPromptsThatAreAllAlikeHalfAreRight() {
        let gate = ScansGate.calibrated(harmful: [[0.5, 0.5]], harmless: [[0.5, 0.5]], layers: nil, threshold: nil)
        #expect(gate == ScansGate(layers: [0, 1], threshold: 0.5))
    }

    @Test func rowsAreToldApartByClassInTheirOrder() throws {
        let config = ModelConfig(
            architecture: .llama, layerCount: 1, hiddenSize: 2, intermediateSize: 2, headCount: 1,
            keyValueHeadCount: 1, headDim: 2, vocabularySize: 8, normEpsilon: 1e-5, ropeTheta: 10_000, maxPositions: 8)
        let extent = StatisticExtent(layers: 0..<1, examples: 3, classes: 2)
        let entries = Transition().tensors(config, extent).map { tensor in
            let isClass = tensor.name.contains(".class.")
            let values: [Float] = isClass ? [0, 1, 1, 0, 0, 1] : [1, 2, 3, 4, 5, 6]
            return TensorBundle.Entry(
                name: tensor.name, type: .f32, shape: tensor.shape, buffer: AlignedBuffer(values))
        }
        let rows = TensorBundle(
            entries: try Transition().finished(TensorBundle(entries: entries), classes: ["harmful", "harmless"]))
        #expect(rows["change.harmful.input.0"]?.buffer.floatArray() == [3, 4])
        #expect(rows["state.harmless.norm"]?.buffer.floatArray() == [1, 2, 5, 6])
        let broken = TensorBundle(entries: entries.filter { !$0.name.contains(".class.") })
        #expect(throws: SelectionError.missing(map: "transition.class.input.0", source: "transition")) {
            try Transition().finished(broken, classes: ["harmful", "harmless"])
        }
    }

    @Test func steeringOfBothSignsSurvivesItsFile() throws {
        let steering = Steering(
            vectors: [1: [1, -2]], start: .lastPromptToken, gate: [[1, 2]], opposite: [[3], [2, 5]],
            metadata: ["alpha": "1"])
        let again = try Steering(bundle: steering.bundle, source: "test")
        #expect(again.gate == steering.gate && again.opposite == steering.opposite)
        #expect(again.firstPosition(prompt: [1, 2]) == 1 && !again.isOpposed(prompt: [1, 2]))
        #expect(again.firstPosition(prompt: [3]) == 0 && again.isOpposed(prompt: [3]))
        #expect(again.firstPosition(prompt: [4]) == nil)
        // Without prompts of the other sign the file is as it was before there were any.
        let plain = Steering(vectors: [1: [1, -2]], start: .lastPromptToken, gate: [[1, 2]])
        #expect(plain.bundle.entries.map(\.name) == ["vector.1", "from", "gate.tokens", "gate.lengths"])
    }
}
