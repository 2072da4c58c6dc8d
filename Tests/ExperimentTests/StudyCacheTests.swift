import Caching
import Checkpoint
import Experiment
import Foundation
import ModelService
import Selection
import StudyFile
import StudyReport
import StudySupport
import Tensors
import TestSupport
import Testing

/// Studies that share a cache: what one has computed the next one takes over.
@Suite struct StudyCacheTests {
    let files = TemporaryFolder()
    let model = MatrixModel(layers: 2)

    init() {
        files.write((1...6).map { "harm \($0)\n" }.joined(), to: "own.txt")
        files.write(
            (1...9).map { "{\"prompt\": \"u\($0)\", \"response\": \"r\($0)\"}\n" }.joined(), to: "utility.jsonl")
        files.write("harm a\nharm b\n", to: "harmful.txt")
        files.write("kind a\nkind b\n", to: "harmless.txt")
        files.write(String(repeating: "text ", count: 40), to: "text.txt")
        files.write((1...14).map { "harm \($0)\n" }.joined(), to: "probe-harmful.txt")
        files.write((1...14).map { "kind \($0)\n" }.joined(), to: "probe-harmless.txt")
    }

    private func run(
        _ conditions: String, name: String, cached: Bool = true, digest: String = "digest", more: String = "",
        evaluation: String = "", stops: String? = nil
    ) async throws -> (results: StudyResults, runner: FakeRunner) {
        files.write(
            """
            name: \(name)
            model: m
            block_examples: 2
            batch_tokens: 500
            calibration:
              safety: {prompts: own.txt, samples: 5}
              utility: {pairs: utility.jsonl, samples: 4}
            \(more)
            conditions: \(conditions)
            evaluation:
              harmful: harmful.txt
              harmless: harmless.txt
              max_new_tokens: 20
              slots: 2
              perplexity: {file: text.txt, window: 100}
            \(evaluation)
            """, to: "\(name).yaml")
        let runner = FakeRunner(model, stops: stops)
        let results = try await StudyRun(
            try Study(contentsOf: files.file("\(name).yaml")), runner: runner, codec: ByteCodec(),
            model: LongModel(model), modelDigest: digest, folder: try RunFolder(files.file(name)), exporter: nil,
            cache: cached ? try ResultCache(files.file("cache")) : nil, announce: { _ in }
        ).run()
        return (results, runner)
    }

    private static let grid = "[unedited, {set_difference: {p: [20], q: [20, 40]}}]"

    @Test func aSecondStudyComputesNothing() async throws {
        let first = try await run(Self.grid, name: "first")
        let second = try await run(Self.grid, name: "second")
        #expect(!first.runner.seen.log.isEmpty)
        #expect(second.runner.seen.log == [])
        let alone = try await run(Self.grid, name: "alone", cached: false)
        #expect(alone.runner.seen.log.count >= first.runner.seen.log.count)
        // And it comes to the same.
        #expect(second.results.csv() == first.results.csv())
        #expect(alone.results.csv() == first.results.csv())
        for part in ["scores/safety.safetensors", "scores/utility.safetensors", "answers/unedited.jsonl"] {
            let bytes = ["first", "second", "alone"].map {
                FileManager.default.contents(atPath: files.file("\($0)/\(part)"))
            }
            #expect(bytes[0] != nil)
            #expect(Set(bytes).count == 1, "\(part)")
        }
    }

    /// Answers are on record as they come; result files are written once they are rated, and never by halves.
    @Test func aStoppedStudyAsksForNothingTwice() async throws {
        let conditions = "[unedited, {set_difference: {p: [20], q: [20, 40]}}]"
        await #expect(throws: InternalError.self) {
            try await run(conditions, name: "run", stops: "set_difference-p20-q40")
        }
        let answers = try FileManager.default.contentsOfDirectory(atPath: files.file("run/answers"))
        #expect(answers == ["unedited.jsonl"])
        let again = try await run(conditions, name: "run")
        let first = try #require(again.runner.seen.log.first)
        #expect(first == "generate [4] [set_difference-p20-q40]")
        #expect(!again.runner.seen.log.contains { $0.hasSuffix("[set_difference-p20-q20]") })
        let whole = try await run(conditions, name: "whole", cached: false)
        #expect(again.results.csv() == whole.results.csv())
        for name in ["set_difference-p20-q20", "set_difference-p20-q40"] {
            let bytes = ["run", "whole"].map {
                FileManager.default.contents(atPath: files.file("\($0)/answers/\(name).jsonl"))
            }
            #expect(bytes[0] != nil && bytes[0] == bytes[1], "\(name)")
        }
    }

    @Test func aLargerGridComputesWhatIsNew() async throws {
        _ = try await run(Self.grid, name: "small")
        let large = try await run("[unedited, {set_difference: {p: [20], q: [20, 40, 60]}}]", name: "large")
        #expect(
            large.runner.seen.log == [
                // Its answers are those of the others: their likelihoods are known.
                "generate [4] [set_difference-p20-q60]", "likelihood [set_difference-p20-q60]",
            ])
    }

    @Test func anotherNameIsTheSameModel() async throws {
        _ = try await run(Self.grid, name: "grid")
        let one = try await run("[unedited, {name: mine, set_difference: {p: 20, q: 40}}]", name: "one")
        #expect(one.runner.seen.log == [])
    }

    @Test func whatDecidesTheNumbersIsComputedAgain() async throws {
        _ = try await run(Self.grid, name: "first")
        let other = try await run(Self.grid, name: "model", digest: "another model")
        #expect(other.runner.seen.log.count { $0.hasPrefix("score") } == 1)
        #expect(other.runner.seen.log.count { $0.hasPrefix("generate") } == 4)
        // Another data set: its scores, and the conditions, which are others then.
        files.write(
            (1...9).map { "{\"prompt\": \"u\($0)\", \"response\": \"x\($0)\"}\n" }.joined(), to: "utility.jsonl")
        let data = try await run(Self.grid, name: "data")
        #expect(data.runner.seen.requests.map(\.name) == ["utility"])
        #expect(!data.runner.seen.log.contains { $0.contains("generate") && $0.hasSuffix("[none]") })
        // Another evaluation: no scores.
        let longer = try await run(Self.grid, name: "evaluation", evaluation: "  group_prompts: 3")
        #expect(!longer.runner.seen.log.contains { $0.hasPrefix("score") })
        #expect(longer.runner.seen.log.contains { $0.hasPrefix("generate") })
    }

    @Test func ranksAndHeadsAreTakenOver() async throws {
        let conditions =
            "[unedited, {orthogonal_projection: {r_u: [50%, 75%], r_s: [50%]}}, {actsvd_top: {rank: 1}}, {heads: {top: [1, 2]}}]"
        let probe = "probe: {harmful: probe-harmful.txt, harmless: probe-harmless.txt}"
        let first = try await run(conditions, name: "first", more: probe)
        #expect(first.runner.seen.log.count { $0.hasPrefix("score") } == 1)
        #expect(first.runner.seen.log.count { $0.hasPrefix("compute") } == 5)
        let second = try await run(conditions, name: "second", more: probe)
        #expect(second.runner.seen.log == [])
        #expect(second.results.csv() == first.results.csv())
        let more = try await run(
            conditions.replacing("r_s: [50%]", with: "r_s: [50%, 75%]"), name: "more", more: probe)
        #expect(!more.runner.seen.log.contains { $0.hasPrefix("score") || $0.contains("subspaces") })
        #expect(more.runner.seen.log.count { $0.hasPrefix("compute") } == 2)
    }

    @Test func blockByBlockIsTakenOver() async throws {
        let conditions =
            "[unedited, {order: sequential, set_difference: {p: 20, q: 20}}, {order: sequential, actsvd_top: {rank: 1}}]"
        let first = try await run(conditions, name: "first")
        #expect(first.runner.seen.log.count { $0.hasPrefix("score") } == 4)
        let second = try await run(conditions, name: "second")
        #expect(second.runner.seen.log == [])
        #expect(second.results.csv() == first.results.csv())
    }

    @Test func trainedModelsAreTrainedWhereSomethingIsNew() async throws {
        let conditions = "[unedited, {finetune: {pairs: utility.jsonl, steps: 3, batch: 2}}]"
        let first = try await run(conditions, name: "first")
        #expect(first.runner.seen.log.contains { $0.hasPrefix("train 3") })
        let second = try await run(conditions, name: "second")
        #expect(second.runner.seen.log == [])
        #expect(second.results.conditions.map(\.losses) == first.results.conditions.map(\.losses))
        // Another prompt: the training is done again, for this alone.
        files.write("harm a\nharm c\n", to: "harmful.txt")
        let third = try await run(conditions, name: "third")
        #expect(third.runner.seen.log.contains { $0.hasPrefix("train 3") })
        #expect(third.runner.seen.log.contains { $0.hasPrefix("generate") && $0.hasSuffix("[trained]") })
    }

    @Test func aDamagedScoreFileIsMadeAgain() async throws {
        let first = try await run(Self.grid, name: "first")
        // The run's own names of the bytes would be damaged with them.
        try FileManager.default.removeItem(atPath: files.file("first/scores"))
        let objects = files.file("cache/objects")
        for case let name as String in FileManager.default.enumerator(atPath: objects)! {
            guard var data = FileManager.default.contents(atPath: "\(objects)/\(name)") else { continue }
            data[data.count - 1] ^= 1
            try data.write(to: URL(fileURLWithPath: "\(objects)/\(name)"))
        }
        let second = try await run(Self.grid, name: "second")
        #expect(second.runner.seen.log == first.runner.seen.log.filter { $0.hasPrefix("score") })
        #expect(second.results.csv() == first.results.csv())
    }
}
