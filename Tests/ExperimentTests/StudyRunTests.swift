import Checkpoint
import Datasets
import Evaluation
import Experiment
import ModelService
import Protocol
import Reporting
import Selection
import StudyFile
import StudyReport
import StudySupport
import Tensors
import TestSupport
import Testing

@Suite struct StudyRunTests {
    let files = TemporaryFolder()
    let model = MatrixModel(layers: 2)

    init() {
        files.write((1...6).map { "harm \($0)\n" }.joined() + "nice one\n", to: "own.txt")
        files.write(
            (1...9).map { "{\"prompt\": \"u\($0)\", \"response\": \"r\($0)\"}\n" }.joined(), to: "utility.jsonl")
        files.write("harm a\nharm b\nharm 1\n", to: "harmful.txt")
        files.write("kind a\nkind b\n", to: "harmless.txt")
        files.write("{\"context\": \"Q:\", \"choices\": [\" aa\", \" b\"], \"label\": 1}\n", to: "arc.jsonl")
        files.write(String(repeating: "text ", count: 40), to: "text.txt")
        files.write(
            """
            name: t
            model: m
            block_examples: 2
            batch_tokens: 500
            calibration:
              safety: {prompts: own.txt, samples: 5}
              utility: {pairs: utility.jsonl, samples: 4}
            conditions:
              - set_difference: {p: 20, q: 20}
              - unedited
              - random: {like: set_difference}
              - name: tuned
                finetune: {pairs: utility.jsonl, steps: 3, batch: 2}
              - name: tuned-frozen
                finetune: {pairs: utility.jsonl, steps: 3, batch: 2, freeze: set_difference}
            evaluation:
              harmful: harmful.txt
              harmless: harmless.txt
              max_new_tokens: 20
              slots: 2
              group_prompts: 3
              tasks: [arc.jsonl]
              perplexity: {file: text.txt, window: 100}
            """, to: "study.yaml")
    }

    private func run(_ runner: FakeRunner) async throws -> (StudyResults, RunFolder) {
        let study = try Study(contentsOf: files.file("study.yaml"))
        let folder = try RunFolder(files.file("run"))
        let results = try await StudyRun(
            study, runner: runner, codec: ByteCodec(), model: LongModel(model), modelDigest: "digest", folder: folder,
            exporter: nil, announce: { _ in }
        ).run()
        return (results, folder)
    }

    @Test func theStoryEndToEnd() async throws {
        let runner = FakeRunner(model)
        let (results, folder) = try await run(runner)
        let byName = Dictionary(uniqueKeysWithValues: results.conditions.map { ($0.name, $0) })
        #expect(results.conditions.map(\.name) == ["set_difference", "unedited", "random", "tuned", "tuned-frozen"])
        #expect(byName["unedited"]?.attack?.paper.mean.value == 0)
        #expect(byName["set_difference"]?.attack?.gated.mean.value == 1)
        #expect(byName["random"]?.attack?.gated.mean.value == 0)
        #expect(byName["tuned"]?.attack?.gated.mean.value == 1)
        #expect(byName["tuned-frozen"]?.attack?.gated.mean.value == 0)
        #expect(byName["unedited"]?.overRefusal?.phrase.mean.value == 0)
        #expect(byName["tuned"]?.losses == [2, 1, Float(2) / 3])
        // Shorter choice: −2 against −3.
        #expect(byName["unedited"]?.tasks.map(\.accuracy.value) == [1])
        #expect(byName["unedited"]?.perplexity.map { abs($0.value - 2.718281828) < 1e-6 } == true)
        #expect(results.gate.chat.floor == -1)

        // The mask is the set difference of the written scores, and random takes as many of every matrix.
        let safety = try ScoreFile(path: folder.scores("safety"))
        let expected = try SetDifference.mask(
            safety: safety, q: 20, utility: try ScoreFile(path: folder.scores("utility")), p: 20, group: .matrix)
        let mask = try Mask(contentsOf: folder.mask("set_difference"))
        #expect(mask.maps == expected.maps)
        #expect(mask.count > 0)
        let random = try Mask(contentsOf: folder.mask("random"))
        #expect(random.maps.map { $0.bits.count } == mask.maps.map { $0.bits.count })
        #expect(byName["set_difference"]?.zeroed == mask.count)
        #expect(runner.seen.edits["set_difference"]?.maps == mask.maps)
        #expect(runner.seen.frozen.map { $0?.maps } == [nil, mask.maps])
        // Both fine-tuning runs see the same examples in the same order.
        #expect(runner.seen.trainings[0] == runner.seen.trainings[1])
    }

    @Test func orderOfWork() async throws {
        let runner = FakeRunner(model)
        _ = try await run(runner)
        #expect(
            runner.seen.log == [
                "generate [3, 3, 1] [none]", "score [\"safety 3\", \"utility 2\"] [none]",
                // unedited: answers and those of the calibration, tasks and perplexity, coherence
                "generate [3, 2, 3, 3, 3, 3, 3, 3, 2] [none]", "likelihood [none]", "likelihood [none]",
                "generate [3, 2] [set_difference]", "likelihood [set_difference]",
                "generate [3, 2] [random]", "likelihood [random]",
                "train 3 [random]", "generate [3, 2] [trained]", "likelihood [trained]",
                "train 3 [trained]", "generate [3, 2] [trained-frozen]", "likelihood [trained-frozen]",
                // Back on the unedited model, once: the answers of all four.
                "likelihood [none]", "likelihood [none]", "likelihood [none]", "likelihood [none]",
            ])
    }

    @Test func fourConditionsTakeFiveChangesOfTheWeights() async throws {
        let runner = FakeRunner(model)
        _ = try await run(runner)
        var turns: [String] = []
        for line in runner.seen.log where !line.hasPrefix("train") {
            let model = line.split(separator: " ").last.map(String.init) ?? ""
            if turns.last != model { turns.append(model) }
        }
        #expect(turns == ["[none]", "[set_difference]", "[random]", "[trained]", "[trained-frozen]", "[none]"])
    }

    @Test func calibrationKeepsRefusalsOnlyAndWarnsOfOverlap() async throws {
        let runner = FakeRunner(model)
        let (results, folder) = try await run(runner)
        let pairs = try DataFiles().pairs(folder.data("safety"))
        #expect(pairs.count == 5)
        #expect(pairs.allSatisfy { $0.prompt.hasPrefix("harm") && $0.response == FakeRunner.refusal })
        #expect(runner.seen.requests[0].statistics == [.absoluteGradient(.mean)])
        let seenPrompts = pairs.map(\.prompt)
        #expect(results.warnings.contains { $0.contains("1 of 3 harmful") } == seenPrompts.contains("harm 1"))
    }

    @Test func outputsSayTheSameNumbers() async throws {
        let (results, folder) = try await run(FakeRunner(model))
        try results.write(to: folder, command: "faultline study run study.yaml", versions: [("faultline", "test")])
        let json = try JSON.parse(TextFile.read(folder.resultsJSON))
        let first = json["conditions"]?.elements?.first
        #expect(first?["name"]?.string == "set_difference")
        #expect(first?["measures"]?["asr_gated_mean"]?["value"]?.double == 1)
        let csv = try CSV.cells(folder.resultsCSV)
        let cell = csv.first { $0["condition"] == "unedited" && $0["measure"] == "asr_paper_any" }
        #expect(cell?["value"] == "0.0")
        let report = String(decoding: try TextFile.read(folder.report), as: UTF8.self)
        #expect(report.contains("| set_difference |"))
        #expect(report.contains("faultline study run study.yaml"))
        #expect(
            results.table().columns.map(\.title) == [
                "condition", "zeroed %", "ASR (faultline-1)", "ASR coherent (faultline-1)", "ASR phrase", "ASR paper",
                "ASR gated", "coherent", "degenerate", "over-refusal (faultline-1)", "acc arc", "perplexity",
            ])
        let answers = try TextFile.lines(TextFile.read(folder.answers("unedited")))
        #expect(answers.count == 5)
        #expect(try JSON.parse(Array(answers[0].utf8))["is_refusal"]?.boolean == true)
    }

    @Test func thePageHasFindingsFiguresAndAnswers() async throws {
        let (results, folder) = try await run(FakeRunner(model))
        try results.write(
            to: folder, command: "faultline study run study.yaml", versions: [], files: [("study.yaml", "a: <b>")],
            gnuplot: nil)
        let page = String(decoding: try TextFile.read(folder.reportPage), as: UTF8.self)
        for part in [
            "Removing set-difference weights raises ASR", "id=\"best\"", "id=\"asr-accuracy-1\"", "apt-get install",
            HTMLText.escape(FakeRunner.refusal), "a: &lt;b&gt;", "id=\"settings\"",
        ] { #expect(page.contains(part), "\(part) is missing") }
        let report = results.report(command: "c", versions: [])
        let outcomes = Dictionary(report.findings.map { ($0.claim, $0.outcome) }) { $1 }
        // 3 prompts of 3 answered, against none by a random edit of the same size: McNemar's p of three pairs is 0.25.
        #expect(outcomes["Removing the set difference breaks safety more than a random edit of its size"] == .open)
        let listed = try JSON.parse(TextFile.read(folder.resultsJSON))["findings"]?.elements ?? []
        #expect(listed.map { $0["claim"]?.string } == report.findings.map(\.claim))
        #expect(listed.map { $0["outcome"]?.string } == report.findings.map(\.outcome.rawValue))
        let exchange = try #require(report.exchanges.first { $0.condition == "set_difference" })
        #expect(exchange.before.text == FakeRunner.refusal && exchange.before.verdict == "refusal")
        #expect(exchange.after.text == FakeRunner.fluent && exchange.after.verdict == "answer")
        #expect(report.exchanges.map(\.condition).contains("random"))
    }

    @Test func badInputEndsBeforeAnyWork() async throws {
        files.write("", to: "utility.jsonl")
        let runner = FakeRunner(model)
        await #expect(throws: InputError(files.file("utility.jsonl"), "empty file")) { try await run(runner) }
        #expect(runner.seen.log.isEmpty)
    }

    @Test func aModelThatRefusesNothingIsSaidSo() async throws {
        files.write("nice 1\nnice 2\n", to: "own.txt")
        await #expect(
            throws: InputError(
                files.file("own.txt"), "the model gave no refusal (judge: faultline-1) to 2 prompts; give pairs instead"
            )
        ) { try await run(FakeRunner(model)) }
    }
}
