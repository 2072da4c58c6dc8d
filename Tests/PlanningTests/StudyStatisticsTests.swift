import Caching
import Checkpoint
import Datasets
import Experiment
import Foundation
import Planning
import Protocol
import Selection
import StudyFile
import StudyReport
import StudySupport
import Synchronization
import Tensors
import TestSupport
import Testing

/// Statistics that a study asks for by name: read, refused, collected once, kept, planned.
@Suite struct StudyStatisticsTests {
    let files = TemporaryFolder()
    let model = LongModel(MatrixModel(layers: 2))

    init() {
        files.write((0..<5).map { "harm \($0)\n" }.joined(), to: "harmful.txt")
        files.write((0..<4).map { "kind \($0)\n" }.joined(), to: "harmless.txt")
    }

    private func study(_ statistics: String) throws(InputError) -> Study {
        try Study(
            yaml: """
                model: m
                block_examples: 2
                batch_tokens: 200
                statistics: \(statistics)
                conditions: [unedited]
                evaluation: {harmful: {prompts: harmful.txt, first: 1}, slots: 1, max_new_tokens: 4}
                """, file: files.file("s.yaml"))
    }

    private static let states =
        "[{statistic: residual_state, harmful: harmful.txt, harmless: {prompts: harmless.txt, samples: 3}, positions: [-1, -3]}]"

    private func run(_ study: Study, in folder: String, cached: Bool = false) async throws -> (
        runner: FakeRunner, folder: RunFolder, said: [String]
    ) {
        let said = Mutex<[String]>([])
        let done = try await files.carryOut(
            study, FakeRunner(MatrixModel(layers: 2)), model: model, in: folder, cached: cached
        ) { line in said.withLock { $0.append(line) } }
        try done.results.write(to: done.folder, command: "c", versions: [])
        return (done.runner, done.folder, said.withLock { $0 })
    }

    @Test func anEntryNamesAStatisticItsListsAndItsOptions() throws {
        let plan = try #require(try study(Self.states).statistics.first)
        #expect(plan.name == "residual_state")
        #expect(
            plan.request
                == StatisticRequest(name: "residual_state", options: ["positions": "-1,-3"], classes: 2))
        #expect(plan.harmless.samples == 3)
    }

    @Test(arguments: [
        (
            "residual_states", "",
            "statistics[0].statistic = residual_states is none that can be collected of prompts; did you mean residual_state?"
        ),
        ("input_squares", "", "statistics[0].statistic = input_squares is none that can be collected of prompts"),
        ("residual_state", ", positions: [0]", "statistic residual_state: positions = 0 is no list"),
        ("residual_state", ", positions: [-1, -1]", "statistic residual_state: positions = -1,-1 is no list"),
        ("residual_state", ", positions: last", "statistic residual_state: positions = last is no list"),
        (
            "residual_state", ", loss: mean",
            "statistic residual_state: loss = mean is no option of it (known: positions)"
        ),
        ("head_output", ", positions: -1", "statistic head_output: positions = -1 is no option of it (it has none)"),
    ]) func whatNobodyKnowsIsRefusedInWords(_ name: String, _ more: String, _ words: String) {
        let error = #expect(throws: InputError.self) {
            try study("[{statistic: \(name), harmful: harmful.txt, harmless: harmless.txt\(more)}]")
        }
        #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
    }

    @Test func aPromptThatIsTooShortForAPositionIsRefusedBeforeAnyWork() async throws {
        files.write("x\n", to: "short.txt")
        let study = try study(
            "[{statistic: residual_state, harmful: harmful.txt, harmless: short.txt, positions: -4}]")
        let error = await #expect(throws: InputError.self) { _ = try await run(study, in: "short") }
        #expect(
            error?.description
                == "statistic residual_state: the prompt \"x\" has 3 tokens, and at least 4 are looked at")
    }

    @Test func theFileHasMeansOfEveryClassAndSaysWhatTheyAreOf() async throws {
        let (runner, folder, _) = try await run(try study(Self.states), in: "run")
        // 8 prompts in blocks of 2, of the unedited model.
        #expect(runner.seen.log.first == "statistics residual_state 4 [none]")
        let file = try TensorBundle(safetensors: folder.statistic("residual_state"))
        let places = ["input.0", "input.1", "output", "norm"]
        let means = ["harmful", "harmless"].flatMap { label in
            ["mean", "mean_square"].flatMap { kind in places.map { "\(kind).\(label).\($0)" } }
        }
        #expect(Set(file.entries.map(\.name)) == Set(means + ["count.harmful", "count.harmless"]))
        #expect(file["mean.harmful.norm"]?.shape == [2, model.config.hiddenSize])
        #expect(file.metadata["statistic"] == "residual_state")
        #expect(file.metadata["option_positions"] == "-1,-3")
        #expect(file.metadata["harmful_prompts"] == "5" && file.metadata["harmless_prompts"] == "3")
        #expect(!Files.exists(folder.statistic("residual_state") + ".folded"))
        let report = String(decoding: try TextFile.read(folder.report), as: UTF8.self)
        #expect(report.contains("statistics/residual_state.safetensors"))
    }

    @Test func whatIsOnRecordOrInTheCacheIsNotCollectedAgain() async throws {
        let study = try study(Self.states)
        func collects(_ runner: FakeRunner) -> Bool { runner.seen.log.contains { $0.hasPrefix("statistics") } }
        let first = try await run(study, in: "one", cached: true)
        let again = try await run(study, in: "one")
        let other = try await run(study, in: "two", cached: true)
        #expect(collects(first.runner) && !collects(again.runner) && !collects(other.runner))
        #expect(other.said.contains("statistic residual_state: from the cache"))
        #expect(
            FileManager.default.contents(atPath: other.folder.statistic("residual_state"))
                == FileManager.default.contents(atPath: first.folder.statistic("residual_state")))
        let changed = try await run(
            try self.study(Self.states.replacing("-3", with: "-2")), in: "three", cached: true)
        #expect(collects(changed.runner))
    }

    @Test func aPlanCountsItAndKnowsWhatTheCacheHas() async throws {
        let study = try study(Self.states)
        func step(cached: Bool) throws -> Work.Step? {
            try files.work(study, model: model, cached: cached).steps.first { $0.label == "statistic residual_state" }
        }
        let planned = try #require(try step(cached: false))
        #expect(planned.tasks.count == 4 && planned.tokens > 0 && !planned.isKnown)
        _ = try await run(study, in: "one", cached: true)
        #expect(try step(cached: true)?.isKnown == true)
    }

    @Test func thePlansDiskHoldsTheFileOfAStatistic() throws {
        let schedule = try StudySchedule(try study(Self.states), config: model.config, codec: ByteCodec())
        let kept = DiskPrediction(schedule, config: model.config, work: Work()).kept
        let bytes = try #require(kept.first { $0.name == "statistics" }?.bytes)
        // Of two layers' inputs, the output and the norm: means and mean squares of two classes at two positions.
        let tensors = 4 * 2 * 2 * 2 * model.config.hiddenSize * 8
        #expect(bytes >= tensors && bytes <= tensors + 4 * 2 * 8)
    }

    /// Until the last block is in, all blocks' tensors lie beside what is made of them: sums are as large as a block, rows as
    /// all blocks. Eight prompts, four places of the residual stream, in blocks of two.
    @Test(arguments: [
        ("last_token_state", 2 * 8 * 4 * 4 * (4 + 2)), ("residual_state", (4 + 1) * 4 * 8 * (2 * 2 * 4 + 2)),
        ("transition", 2 * 8 * 4 * 4 * (2 * 4 + 2)),
    ]) func thePlansDiskHoldsThePartialsOfAStatistic(_ name: String, _ bytes: Int) throws {
        let list = { (kind: String) in #"{"prompt": "\#(kind)", "response": "yes"}\#n"# }
        files.write((0..<5).map { list("harm \($0)") }.joined(), to: "harmful.jsonl")
        files.write((0..<3).map { list("kind \($0)") }.joined(), to: "harmless.jsonl")
        let lists = "harmful: {pairs: harmful.jsonl}, harmless: {pairs: harmless.jsonl}"
        let passing = try files.disk(study("[{statistic: \(name), \(lists)}]"), model: model).passing
        #expect(passing?.name == "partials until they are summed")
        #expect(passing?.bytes == bytes)
    }
}
