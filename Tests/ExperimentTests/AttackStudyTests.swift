import Checkpoint
import Datasets
import Evaluation
import Experiment
import Protocol
import Reporting
import StudyFile
import StudyReport
import StudySupport
import Tensors
import TestSupport
import Testing

/// The three settings through a whole study; "magic" is the one suffix that the fake model gives in to.
@Suite struct AttackStudyTests {
    let files = TemporaryFolder()
    let model = MatrixModel(layers: 2)

    init() {
        files.write("harm z\nharm a\nharm b\nharm c\n", to: "harmful.txt")
        files.write("kind a\nkind b\n", to: "harmless.txt")
        files.write("please\nby magic\n\nthank you\n", to: "suffixes.txt")
        files.write(
            (0..<8).map { "{\"sentence1\": \"s\($0)\", \"sentence2\": \"t\", \"label\": \($0 % 2)}\n" }.joined(),
            to: "rte.jsonl")
        files.write(
            """
            name: t
            model: m
            batch_tokens: 500
            conditions: [unedited, {bottom: {q: 10}}]
            scores: {method: magnitude}
            evaluation:
              harmful: {prompts: harmful.txt, skip: 1, first: 3}
              harmless: harmless.txt
              max_new_tokens: 20
              slots: 4
              group_prompts: 100
              attacks:
                - vanilla
                - adv_suffix: {suffixes: suffixes.txt}
                - adv_decoding
              zero_shot: {documents: \(files.path), tasks: [rte], limit: 5}
            """, to: "study.yaml")
    }

    private func run(_ runner: FakeRunner) async throws -> (StudyResults, RunFolder) {
        let folder = try RunFolder(files.file("run"))
        let results = try await StudyRun(
            Study(contentsOf: files.file("study.yaml")), runner: runner, codec: ByteCodec(), model: LongModel(model),
            modelDigest: "digest", folder: folder, exporter: nil, announce: { _ in }
        ).run()
        return (results, folder)
    }

    @Test func eachSettingHasItsNumbers() async throws {
        let unedited = try await run(FakeRunner(model)).0.conditions[0]
        #expect(unedited.attacks.map(\.setting.name) == ["vanilla", "adv_suffix", "adv_decoding"])
        #expect(unedited.attacks.map { $0.success.gated.mean.value } == [0, 1, 0])
        #expect(unedited.attacks[1].bySuffix.map { $0.paper.mean.value } == [0, 1, 0])
        #expect(unedited.attacks.map { $0.answers.count } == [3, 9, 15])
        // Harmless answers are rated too.
        #expect(unedited.overRefusal?.coherent.mean.value == 1)
        #expect(unedited.overRefusal?.phrase.mean.value == 0)
        #expect(unedited.tasks.map(\.accuracy.count) == [5])
        #expect(unedited.zeroShot == nil)
    }

    @Test func whatIsGenerated() async throws {
        let runner = FakeRunner(model)
        _ = try await run(runner)
        let codec = ByteCodec()
        let prompts = ["harm a", "harm b", "harm c"]
        let bodies = Array(runner.seen.generations.prefix(6))
        // vanilla; suffixes; decoding; harmless; then what the two floors are calibrated on.
        #expect(bodies.map(\.prompts.count) == [3, 9, 15, 2, 20, 20])
        #expect(bodies.map(\.temperature) == [0, 0, 1, 0, 1, 1])
        #expect(bodies[0].prompts == prompts.map(codec.prompt))
        #expect(Array(bodies[1].prompts[3..<6]) == prompts.map { codec.prompt("\($0) by magic") })
        #expect(Array(bodies[2].prompts[0..<5]) == Array(repeating: codec.opening("harm a\n"), count: 5))
        #expect(Set(bodies[4].prompts) == Set(["kind a", "kind b"].map(codec.prompt)))
        #expect(Set(bodies[5].prompts) == Set(["kind a\n", "kind b\n"].map(codec.opening)))
        // No two sampled answers of a study share their draws.
        let sampled = bodies.filter { $0.temperature > 0 }.flatMap(\.streams)
        #expect(Set(sampled).count == sampled.count)
    }

    @Test func outputsNameTheSettings() async throws {
        let (results, folder) = try await run(FakeRunner(model))
        try results.write(to: folder, command: "c", versions: [])
        let titles = results.table().columns.map(\.title)
        #expect(titles.contains("vanilla ASR paper"))
        #expect(titles.contains("adv_suffix ASR gated"))
        #expect(titles.contains("adv_decoding ASR gated any"))
        let csv = try CSV.cells(folder.resultsCSV)
        func value(_ measure: String) -> String? {
            csv.first { $0["condition"] == "unedited" && $0["measure"] == measure }?["value"]
        }
        #expect(value("vanilla.asr_paper_mean") == "0.0")
        #expect(value("adv_suffix.asr_paper_mean") == "1.0")
        #expect(value("adv_suffix.suffix_2.asr_paper_mean") == "1.0")
        #expect(value("adv_suffix.suffix_3.asr_paper_mean") == "0.0")
        #expect(value("adv_decoding.asr_gated_any") == "0.0")
        let answers = try TextFile.lines(TextFile.read(folder.answers("unedited"))).map {
            try JSON.parse(Array($0.utf8))
        }
        #expect(answers.count == 29)
        #expect(answers.compactMap { $0["setting"]?.string }.count == 27)
        let suffixed = answers.filter { $0["setting"]?.string == "adv_suffix" }
        #expect(suffixed.map { $0["suffix"]?.int } == [1, 1, 1, 2, 2, 2, 3, 3, 3])
        #expect(answers.filter { $0["setting"]?.string == "vanilla" }.allSatisfy { $0["suffix"] == nil })
        let questions = try TextFile.lines(TextFile.read(folder.questions("unedited")))
        #expect(questions.count == 5)
        #expect(try JSON.parse(Array(questions[0].utf8))["log_likelihoods"]?.elements?.count == 2)
        let report = String(decoding: try TextFile.read(folder.report), as: UTF8.self)
        #expect(report.contains("Random(42)"))
    }

    @Test func aMissingSuffixFileEndsTheStudyBeforeAnyWork() async throws {
        files.write("\n", to: "suffixes.txt")
        let runner = FakeRunner(model)
        await #expect(throws: InputError(files.file("suffixes.txt"), "empty file")) {
            try await run(runner)
        }
        #expect(runner.seen.log.isEmpty)
    }

    @Test func tooFewPromptsAfterTheSkippedOnes() async throws {
        files.write("harm a\nharm b\n", to: "harmful.txt")
        await #expect(
            throws: InputError(
                files.file("harmful.txt"), "3 prompts after the first 1 were asked for, the file has 2")
        ) { try await run(FakeRunner(model)) }
    }
}
