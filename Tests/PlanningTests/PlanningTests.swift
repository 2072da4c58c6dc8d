import Caching
import Checkpoint
import Evaluation
import Experiment
import Foundation
import ModelService
import Planning
import Protocol
import Reporting
import Selection
import StudyFile
import StudySupport
import TestSupport
import Testing

@Suite struct PlanningTests {
    let files = TemporaryFolder()
    let model = LongModel(MatrixModel(layers: 2))
    private var cost: ModelCost { ModelCost(model.config) }

    init() {
        files.write(
            (1...9).map { "{\"prompt\": \"u\($0)\", \"response\": \"r\($0)\"}\n" }.joined(), to: "utility.jsonl")
        files.write("harm 1\nharm 2\nharm 3\n", to: "own.txt")
        files.write("harm a\nharm b\nharm c\n", to: "harmful.txt")
        files.write("kind a\nkind b\n", to: "harmless.txt")
        files.write(String(repeating: "text ", count: 40), to: "text.txt")
    }

    private func study(
        _ conditions: String, safety: String = "{pairs: utility.jsonl, samples: 3}", more: String = ""
    ) throws -> Study {
        try Study(
            yaml: """
                model: m
                block_examples: 2
                batch_tokens: 500
                calibration: {safety: \(safety), utility: {pairs: utility.jsonl, samples: 4}}
                \(more)
                conditions: \(conditions)
                evaluation:
                  harmful: harmful.txt
                  harmless: harmless.txt
                  max_new_tokens: 20
                  slots: 2
                  group_prompts: 3
                  perplexity: {file: text.txt, window: 100}
                """, file: files.file("s.yaml"))
    }

    private func schedule(_ study: Study) throws -> StudySchedule {
        try StudySchedule(study, config: model.config, codec: ByteCodec())
    }

    private func work(_ study: Study, cache: ResultCache? = nil) throws -> Work {
        var made: Set<String> = []
        return try WorkCounter.count(
            schedule(study), model: model, cache: cache,
            keys: cache.map { _ in CacheKeys(modelDigest: "digest", kernels: "fake") }, made: &made)
    }

    private func run(_ study: Study, cache: ResultCache? = nil) async throws -> FakeRunner {
        let runner = FakeRunner(MatrixModel(layers: 2))
        _ = try await StudyRun(
            study, runner: runner, codec: ByteCodec(), model: model, modelDigest: "digest",
            folder: try RunFolder(files.file("run-\(UInt32.random(in: 0...UInt32.max))")), exporter: nil, cache: cache,
            announce: { _ in }
        ).run()
        return runner
    }

    private static let grids = """
        [unedited, {set_difference: {p: [20, 30, 40, 50, 60], q: [20, 30, 40, 50, 60]}}, \
        {orthogonal_projection: {r_u: [50%, 75%], r_s: [50%, 75%]}}, {finetune: {pairs: utility.jsonl, steps: 3, batch: 2}}]
        """

    @Test func operationsAreThoseOfTheWeights() {
        // q 16, k 8, v 8, o 16, gate, up, down 24 each; the head 64 · 4.
        #expect(cost.linear == 2 * 120)
        #expect(cost.head == 256)
        #expect(cost.forward(tokens: 10, scored: 3) == 2 * 240 * 10 + 2 * 256 * 3)
        #expect(cost.gradients(tokens: 10, scored: 3) == 6 * 240 * 10 + 4 * 256 * 3)
        #expect(cost.decode(rows: 5) == 2 * (240 + 256) * 5)
    }

    @Test func tasksGoToWhoeverIsFree() {
        var rates = Rates(flops: 1, pipelines: 2, bytes: 0)
        (rates.forward, rates.transfer) = (cost.forward(tokens: 1, scored: 0), 1)
        func seconds(_ tokens: [Int], bytes: Int = 0) -> Double {
            rates.seconds(Work.Step("x", .forward, tokens.map { .init(tokens: $0) }, bytes: bytes), cost)
        }
        #expect(seconds([5]) == 5)
        #expect(seconds([5, 5]) == 5)
        #expect(seconds([5, 5, 5]) == 10)
        #expect(seconds([7, 2, 2, 2]) == 7)
        #expect(seconds([5, 5], bytes: 4) == 5 + 8)
        rates.pipelines = 1
        #expect(seconds([7, 2, 2, 2]) == 13)
    }

    @Test func countsAreWhatTheFleetIsAsked() async throws {
        let study = try study(Self.grids)
        let work = try work(study)
        let seen = try await run(study).seen
        let scored = seen.requests.flatMap(\.blocks).map { $0.reduce(0) { $0 + $1.tokenCount } }
        let step = try #require(work.steps.first { $0.kind == .scores })
        #expect(step.tasks.map(\.tokens) == scored)
        // One pass a data set, however many points there are.
        #expect(work.steps.count { $0.kind == .scores && !$0.isKnown } == 1)
        #expect(scored.count == 2 + 2)
        let groups = work.steps.filter { $0.kind == .answers }.flatMap(\.tasks)
        #expect(groups.count == seen.generations.count)
        #expect(groups.map(\.scored) == seen.generations.map(\.prompts.count))
        #expect(work.steps.count { $0.kind == .selection } == 25)
        #expect(work.steps.count { $0.kind == .factors } == 4)
        let training = try #require(work.steps.first { $0.kind == .training })
        #expect(
            training.tokens == seen.trainings[0].steps.joined().reduce(0) { $0 + $1.tokenCount })
        // Text of 200 bytes in two windows, at every condition.
        #expect(work.steps.count { $0.label.hasSuffix("perplexity") } == study.conditions.count)
    }

    @Test func answersThatNobodyKnowsAreAsLongAsTheyMayBe() throws {
        let work = try work(try study("[unedited, {top: {q: 20}}]", safety: "{prompts: own.txt, max_new_tokens: 9}"))
        let own = try #require(work.steps.first { $0.label == "own answers (safety)" })
        #expect(own.tasks.map(\.steps) == [18])
        #expect(own.tasks.map(\.rows) == [2])
        let scores = try #require(work.steps.first { $0.kind == .scores })
        // 6 bytes framed by two tokens, and nine of an answer, three times.
        #expect(scores.tasks.prefix(2).reduce(0) { $0 + $1.tokens } == 3 * (6 + 2 + 9))
    }

    @Test func whatIsCachedIsSaid() async throws {
        let conditions = "[unedited, {set_difference: {p: [20], q: [20, 30]}}, {random: {like: set_difference}}]"
        let safety = "{prompts: own.txt, max_new_tokens: 20}"
        let cache = try ResultCache(files.file("cache"))
        let small = try study(conditions, safety: safety)
        #expect(try !work(small, cache: cache).steps.contains { $0.isKnown })
        _ = try await run(small, cache: cache)
        #expect(try work(small, cache: cache).steps.allSatisfy(\.isKnown))
        let large = try work(
            try study(conditions.replacing("20, 30", with: "20, 30, 40"), safety: safety), cache: cache)
        #expect(
            large.steps.filter { !$0.isKnown }.map(\.label) == [
                "set_difference-p20-q40: selection", "set_difference-p20-q40: answers",
                "set_difference-p20-q40: tasks and perplexity", "random-set_difference-p20-q40: selection",
                "random-set_difference-p20-q40: answers", "random-set_difference-p20-q40: tasks and perplexity",
                "set_difference-p20-q40: coherence", "random-set_difference-p20-q40: coherence",
            ])
    }

    @Test func studiesOfAListShareTheirWork() throws {
        let study = try study("[unedited, {top: {q: 20}}]")
        var made: Set<String> = []
        func count(_ study: Study) throws -> Work {
            try WorkCounter.count(schedule(study), model: model, made: &made)
        }
        #expect(try !count(study).steps.contains { $0.isKnown })
        #expect(try count(study).steps.allSatisfy(\.isKnown))
        var other = study
        other.scores.method = .wanda
        let work = try count(other)
        #expect(work.steps.first { $0.kind == .scores }?.isKnown == false)
        #expect(work.steps.first { $0.label == "unedited: answers" }?.isKnown == true)
        #expect(work.steps.first { $0.label == "top: answers" }?.isKnown == false)
    }

    /// The plan's first table, by what a row is about.
    private func rows(_ study: Study) throws -> [String: String] {
        let plan = StudySummary(try schedule(study), config: model.config)
        return Dictionary(uniqueKeysWithValues: plan.table().rows.map { ($0[0], $0[1]) })
    }

    @Test func anOverlapAloneIsPlannedWithItsScores() async throws {
        let study = try study("[unedited]", more: "overlap: {p: 20, q: 20}")
        let scored = try await run(study).seen.requests.flatMap(\.blocks).map { $0.reduce(0) { $0 + $1.tokenCount } }
        let step = try #require(try work(study).steps.first { $0.kind == .scores })
        #expect(step.tasks.map(\.tokens) == scored)
        #expect(step.bytes == 4 * WeightScores.maps(of: model.config).reduce(0) { $0 + $1.count })
        #expect(try rows(study)["score files"] != nil)
    }

    @Test func blocksThatFollowEachOtherNeedNoScoresOfTheUneditedModel() throws {
        let study = try study("[unedited, {order: sequential, top: {q: 20}}]")
        #expect(!study.needsScores)
        #expect(try !work(study).steps.contains { $0.kind == .scores })
        #expect(try rows(study)["score files"] == nil)
        #expect(try rows(study)["passes over the data, block by block"] == "1 × 2 of each data set")
    }

    @Test func trainingsThatDifferInTheirCheckpointsAloneAreCountedOnce() async throws {
        let settings = "pairs: utility.jsonl, steps: 3, batch: 2"
        let study = try study(
            "[unedited, {name: a, finetune: {\(settings)}}, {name: b, finetune: {\(settings), checkpoint_every: 2}}]")
        #expect(try await run(study).seen.runs == 1)
        let work = try work(study)
        #expect(work.steps.count { $0.kind == .training && !$0.isKnown } == 1)
        #expect(!work.steps.contains { $0.label.hasPrefix("b: ") && !$0.isKnown })
        #expect(try rows(study)["fine-tuning runs"] == "1, for 2 conditions")
    }

    // MARK: Memory

    private func memory(_ study: Study, workers: Int = 1, bytes: Int = 1 << 40, pipelines: Int? = nil) throws
        -> [String: Int]
    {
        var config = model.config
        (config.layerCount, config.hiddenSize, config.intermediateSize) = (8, 512, 1024)
        (config.headCount, config.headDim, config.vocabularySize) = (8, 64, 10_000)
        let phases = try MemoryPrediction(
            schedule(study), config: config,
            workers: .init(count: workers, threads: 1, memoryBytes: bytes, pipelines: pipelines), fileBytes: 100 << 20,
            work: try work(study)
        ).phases()
        return Dictionary(uniqueKeysWithValues: phases.map { ($0.name, $0.bytes) })
    }

    @Test func phasesHoldWhatTheyNeed() throws {
        let study = try study("[unedited, {top: {q: 20}}, {finetune: {pairs: utility.jsonl, steps: 3, batch: 2}}]")
        let whole = try memory(study)
        // q, o 512 × 512; k, v 64 × 512; gate, up, down 1024 × 512.
        let linear = 4 * 8 * (2 * 512 * 512 + 2 * 64 * 512 + 3 * 1024 * 512)
        let (reading, scores, training) = (
            try #require(whole["answers and likelihoods"]), try #require(whole["scores"]),
            try #require(whole["fine-tuning"])
        )
        #expect(reading > linear + 4 * 512 * 10_000 + 100 << 20)
        // Scores hold sums as large as the maps; answers hold packed copies of the weights.
        #expect(scores > 2 * linear + 4 * 512 * 10_000)
        #expect(reading > 2 * linear)
        #expect(training > scores)
        // Two stages of one pipeline share all of it.
        let half = try memory(study, workers: 2, pipelines: 1)
        #expect(try #require(half["fine-tuning"]) < training * 8 / 10)
        // Two pipelines do not.
        let both = try memory(study, workers: 2, pipelines: 2)
        #expect(both["answers and likelihoods"] == reading)
    }

    @Test func weightsThatDoNotFitStayInTheirFile() throws {
        let study = try study("[unedited]")
        let small = try memory(study, bytes: 40 << 20)
        let large = try memory(study)
        #expect(small["answers and likelihoods"]! < large["answers and likelihoods"]!)
    }

    // MARK: Disk

    @Test func filesTakeWhatTheyHold() throws {
        let study = try study(
            "[unedited, {top: {q: 20}}, {random: {like: top}}, {actsvd_top: {rank: 1}}, {finetune: {pairs: utility.jsonl, steps: 3, batch: 2}}]"
        )
        let disk = DiskPrediction(try schedule(study), config: model.config, work: try work(study))
        let maps = WeightScores.maps(of: model.config)
        let weights = maps.reduce(0) { $0 + $1.count }
        let bytes = Dictionary(uniqueKeysWithValues: disk.kept.map { ($0.name, $0.bytes) })
        #expect(bytes["scores"] == 8 * weights)
        #expect(bytes["masks"] == 2 * weights / 8)
        #expect(bytes["changes of few ranks"] == maps.reduce(0) { $0 + 4 * ($1.rows + $1.columns) })
        #expect(bytes["exported models"] == nil)
        // Blocks of two examples, three safety and four utility ones, and the sum.
        let block = 4 * weights + SecondMoments().byteCount(model.config)
        #expect(disk.passing?.name == "partials until they are summed")
        #expect(disk.passing?.bytes == 5 * block)
    }

    @Test func longTrainingsLeaveTwoCheckpoints() throws {
        func passing(_ more: String) throws -> Int? {
            let study = try study("[unedited, {finetune: {pairs: utility.jsonl, steps: 3, batch: 2\(more)}}]")
            return DiskPrediction(try schedule(study), config: model.config, work: try work(study)).passing?.bytes
        }
        let weights = WeightScores.maps(of: model.config).reduce(0) { $0 + $1.count }
        #expect(try passing(", parameters: linear") == 4 * weights)
        #expect(try passing(", parameters: linear, checkpoint_every: 1") == 6 * 4 * weights)
    }
}
