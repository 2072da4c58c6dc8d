import Experiment
import Foundation
import ModelService
import Protocol
import StudyFile
import StudyReport
import StudySupport
import Tensors
import TestSupport
import Testing

/// Where fine-tuning ends that has a loss target.
struct LossTargetTests {
    /// Steps of 3, 3 and 1 examples are a pass.
    private static let training = TaskBody.Training(
        steps: [3, 3, 1, 3, 3, 1].map { count in
            [Batch(sequences: (0..<count).map { _ in TokenSequence(tokens: [3, 4, 5], scoredFrom: 1) })]
        }, firstStep: 0, parameters: .all, learningRate: 1e-3)

    @Test func everyExampleCountsOnce() {
        let losses: [Float] = [1, 2, 9, 0, 0, 7]
        #expect(LossTarget.mean(losses, steps: 0..<3, of: Self.training) == 18.0 / 7)
        #expect(LossTarget.mean(losses, steps: 3..<6, of: Self.training) == 1)
    }

    @Test func theFirstPassAtTheTargetEndsTheRun() {
        let losses: [Float] = [1, 2, 9, 0, 0, 7]
        func end(_ loss: Double, _ count: Int) -> Int? {
            LossTarget(loss: loss, passSteps: 3).end(Array(losses.prefix(count)), of: Self.training)
        }
        #expect(end(2.6, 6) == 3)
        #expect(end(1, 6) == 6)
        #expect(end(0.99, 6) == nil)
        // A pass that is not over has no mean.
        #expect(end(1, 5) == nil && end(2.6, 2) == nil)
    }

    private func study(_ settings: String, _ files: TemporaryFolder) throws -> Study {
        files.write((0..<4).map { #"{"prompt": "p\#($0)", "response": "r\#($0)"}"# + "\n" }.joined(), to: "pairs.jsonl")
        return try Study(
            yaml: """
                model: m
                conditions: [unedited, {name: tuned, finetune: {pairs: pairs.jsonl, batch: 2, \(settings)}}]
                """, file: files.file("s.yaml"))
    }

    @Test(arguments: [
        (0.6, 4, "4 steps, training loss of the last epoch 0.583 (asked: 0.6)"),
        (0.1, 8, "8 steps, training loss of the last epoch 0.268 (asked: 0.1, not reached)"),
    ])
    func aStudySaysWhereATrainingEnded(loss: Double, steps: Int, note: String) async throws {
        let files = TemporaryFolder()
        let study = try study("epochs: 4, until_loss: \(loss)", files)
        let results = try await StudyRun(
            study, runner: FakeRunner(MatrixModel(layers: 2)), codec: ByteCodec(),
            model: LongModel(MatrixModel(layers: 2)), modelDigest: "digest", folder: RunFolder(files.file("run")),
            exporter: nil, cache: nil, announce: { _ in }
        ).run()
        let tuned = try #require(results.conditions.last)
        #expect(tuned.losses.count == steps)
        #expect(tuned.note == note)
        #expect(results.json(command: "", versions: []).contains("\"note\": \"\(note)\""))
    }

    @Test(arguments: [
        ("steps: 3, until_loss: 1", "until_loss goes with epochs, the passes that the run has at most, not with steps"),
        ("epochs: 3, ascent: true, until_loss: 1", "until_loss goes not with ascent, which makes the loss larger"),
        ("epochs: 3, until_loss: -1", "until_loss = -1"),
    ])
    func faultsNameTheKey(settings: String, fault: String) {
        let error = #expect(throws: InputError.self) { try study(settings, TemporaryFolder()) }
        #expect(error?.description.contains("finetune.\(fault)") == true, "\(error?.description ?? "")")
    }
}
