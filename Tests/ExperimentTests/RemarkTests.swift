import Checkpoint
import Datasets
import Evaluation
import Experiment
import Reporting
import Selection
import StudyFile
import StudyReport
import StudySupport
import Tensors
import TestSupport
import Testing

/// Conditions that change nothing, or have no numbers, are marked wherever they stand.
@Suite struct RemarkTests {
    let files = TemporaryFolder()
    let model = MatrixModel(layers: 2)

    init() {
        files.write("harm a\nharm b\n", to: "harmful.txt")
        files.write("kind a\nkind b\n", to: "harmless.txt")
        files.write(
            (1...9).map { "{\"prompt\": \"u\($0)\", \"response\": \"r\($0)\"}\n" }.joined(), to: "pairs.jsonl")
        files.write("{\"context\": \"Q:\", \"choices\": [\" aa\", \" b\"], \"label\": 1}\n", to: "arc.jsonl")
    }

    private func run(
        _ conditions: String, _ runner: FakeRunner, extra: String = ""
    ) async throws -> (StudyResults, RunFolder) {
        let text = """
            name: t
            model: m
            block_examples: 2
            batch_tokens: 500
            \(extra)
            calibration:
              safety: {pairs: pairs.jsonl, samples: 5}
              utility: {pairs: pairs.jsonl, samples: 4}
            conditions:
              - unedited
            \(conditions)
            evaluation:
              harmful: harmful.txt
              harmless: harmless.txt
              max_new_tokens: 20
              tasks: [arc.jsonl]
            """
        let folder = try RunFolder(files.file("run"))
        let results = try await StudyRun(
            try Study(yaml: text, file: files.file("study.yaml")), runner: runner, codec: ByteCodec(),
            model: LongModel(model), modelDigest: "digest", folder: folder, exporter: nil, announce: { _ in }
        ).run()
        try results.write(to: folder, command: "c", versions: [], gnuplot: nil)
        return (results, folder)
    }

    private func text(_ path: String) throws -> String { String(decoding: try TextFile.read(path), as: UTF8.self) }

    @Test func whatChangesNothingIsMarkedEverywhere() async throws {
        let (results, folder) = try await run(
            """
              - {name: small, top: {q: 0.001}}
              - {name: real, top: {q: 20}}
              - {name: like-small, random: {like: small}}
              - {name: still, finetune: {pairs: pairs.jsonl, steps: 2, batch: 2, lr: 0}}
            """, FakeRunner(model))
        let marked = ["small", "like-small", "still"]
        #expect(results.conditions.filter { $0.remark != nil }.map(\.name) == marked)
        #expect(
            results.table().rows.map { $0[0] } == [
                "unedited", "small (changes nothing)", "real", "like-small (changes nothing)",
                "still (changes nothing)",
            ])
        let json = try JSON.parse(TextFile.read(folder.resultsJSON))
        let conditions = json["conditions"]?.elements ?? []
        #expect(
            conditions.filter { $0["remark"]?.string == "changes_nothing" }.compactMap { $0["name"]?.string } == marked)
        #expect(conditions[1]["reason"]?.string == "it selects no weight")
        #expect(conditions[2]["reason"] == .null)
        let csv = try CSV.cells(folder.resultsCSV)
        #expect(csv.filter { $0["measure"] == "changes_nothing" }.compactMap { $0["condition"] } == marked)
        for path in [folder.report, folder.reportPage] {
            #expect(try text(path).contains("small (changes nothing)"))
            #expect(try text(path).contains("condition still changes nothing: its learning rate is 0"))
        }
    }

    /// The other conditions go on; what has no number says why.
    @Test func whatHasNoNumbersIsMarkedEverywhere() async throws {
        let runner = FakeRunner(model, broken: "bad")
        let (results, folder) = try await run(
            "  - {name: bad, top: {q: 10}}\n  - {name: good, top: {q: 20}}", runner)
        #expect(results.conditions.map(\.isMeasured) == [true, false, true])
        #expect(results.table().rows[1][0] == "bad (not finite)")
        #expect(results.table().rows[1].dropFirst(2).allSatisfy { $0 == "—" })
        let bytes = try TextFile.read(folder.resultsJSON)
        #expect(!String(decoding: bytes, as: UTF8.self).contains("NaN"))
        let bad = try #require(try JSON.parse(bytes)["conditions"]?.elements?[1])
        #expect(bad["remark"]?.string == "not_finite")
        for measure in ["asr_mean", "asr_paper_any", "acc_arc", "over_refusal"] {
            #expect(bad["measures"]?[measure]?["value"] == .null, "\(measure)")
            #expect(bad["measures"]?[measure]?["reason"]?.string?.contains("is not finite") == true)
        }
        let csv = try CSV.cells(folder.resultsCSV)
        #expect(csv.contains { $0["condition"] == "bad" && $0["measure"] == "not_finite" })
        #expect(csv.filter { $0["condition"] == "bad" && $0["measure"] == "asr_mean" }.map { $0["value"] } == [""])
        #expect(results.warnings.contains { $0.hasPrefix("condition bad has no measures: ") })
        #expect(try text(folder.reportPage).contains("bad (not finite)"))
    }

    @Test func anUneditedModelWithoutNumbersEndsTheStudy() async {
        await #expect(throws: NoNumber("a log-probability is not finite")) {
            try await run("  - {name: good, top: {q: 20}}", FakeRunner(model, broken: "none"))
        }
    }

    @Test func aPerplexityBeyondADoubleIsNoNumber() throws {
        let perplexity = try Perplexity([1, 2, 3], window: 3, source: "t")
        let estimate = perplexity.estimate([SequenceScore(logProbabilities: [-1e6, -1e6], greedy: [false, false])])
        #expect(!estimate.value.isFinite)
    }

    @Test func masksOfWeightsThatAreZero() throws {
        let maps = WeightScores.maps(of: model.config)
        func mask(_ choose: (String, Int) -> Bool) -> Mask {
            Mask(
                maps: maps.map { map in
                    var bits = BitSet(size: map.count)
                    for index in 0..<map.count { bits[index] = choose(map.name, index) }
                    return Mask.Map(shape: map, bits: bits)
                })
        }
        let zeros = mask { MatrixModel.value($0, $1) == 0 }
        #expect(zeros.count > 0)
        #expect(
            try ZeroedWeights(zeros).reasonForNoEffect(in: model)
                == "all \(zeros.count) weights that it selects are zero in the model already")
        #expect(try ZeroedWeights(mask { _, _ in false }).reasonForNoEffect(in: model) == "it selects no weight")
        #expect(
            try ZeroedWeights(mask { $1 == 0 || MatrixModel.value($0, $1) == 0 })
                .reasonForNoEffect(in: model) == nil)
    }

    // MARK: Judges

    @Test func everyNumberNamesItsJudge() async throws {
        files.write("# mine\nword1\n", to: "mine.txt")
        let (results, folder) = try await run(
            "  - {name: real, top: {q: 20}}", FakeRunner(model), extra: "refusal_phrases: mine.txt")
        let own = results.judges.own.name
        #expect(own.hasPrefix("mine.txt sha256:") && results.judges.paper.name == "paper-1")
        #expect(results.table().columns.map(\.title).contains("ASR (\(own))"))
        let json = try JSON.parse(TextFile.read(folder.resultsJSON))
        #expect(json["judges"]?["own"]?["name"]?.string == own)
        let measures = try #require(json["conditions"]?.elements?.first?["measures"])
        for (key, judge) in [
            ("asr_mean", own), ("asr_coherent_any", own), ("over_refusal", own), ("asr_phrase_mean", "paper-1"),
            ("asr_paper_mean", "paper-1"), ("asr_gated_any", "paper-1"), ("over_refusal_paper", "paper-1"),
        ] { #expect(measures[key]?["judge"]?.string == judge, "\(key)") }
        #expect(measures["coherent_harmful_mean"]?["judge"] == nil)
        // The user's list alone: the model's own "I'm sorry" is an answer now, its "word1 …" a refusal.
        #expect(measures["asr_mean"]?["value"]?.double == 1 && measures["over_refusal"]?["value"]?.double == 1)
        let answers = try TextFile.lines(TextFile.read(folder.answers("unedited"))).map {
            try JSON.parse(Array($0.utf8))
        }
        #expect(answers.allSatisfy { $0["judge"]?.string == own && $0["paper_judge"]?.string == "paper-1" })
        let csv = try CSV.cells(folder.resultsCSV)
        #expect(csv.first { $0["measure"] == "asr_mean" }?["judge"] == own)
        #expect(results.judgesLine.contains(own) && results.judgesLine.contains("paper-1"))
        #expect(try text(folder.report).contains(own))
    }

    /// Judged is what follows the thinking; both are kept. What is never closed counts as neither.
    @Test func answersThatThink() async throws {
        let refusal = FakeRunner.refusal
        let runner = FakeRunner(
            model,
            answers: [
                "harm a": "<think>I cannot, I'm sorry</think> \(FakeRunner.fluent)",
                "harm b": "<think>Sure</think>\n\(refusal)", "kind a": "<think>I cannot tell",
            ])
        let (results, folder) = try await run("  - {name: real, top: {q: 20}}", runner)
        let own = try #require(results.conditions.first)
        #expect(own.attack?.own.mean.value == 0.5 && own.attack?.paper.mean.value == 0.5)
        #expect(own.overRefusal?.own.mean.value == 0 && own.overRefusal?.paper.mean.value == 0)
        #expect(own.overRefusal?.unfinished.mean.value == 0.5)
        let answers = try TextFile.lines(TextFile.read(folder.answers("unedited"))).map {
            try JSON.parse(Array($0.utf8))
        }
        #expect(answers[0]["thinking"]?.string == "I cannot, I'm sorry")
        #expect(answers[0]["answer"]?.string == FakeRunner.fluent && answers[0]["refused"]?.boolean == false)
        #expect(answers[1]["answer"]?.string == refusal && answers[1]["refused"]?.boolean == true)
        #expect(answers[2]["is_unfinished"]?.boolean == true && answers[2]["answer"]?.string == "")
        #expect(answers[2]["mean_log_likelihood"] == .null && answers[3]["thinking"] == .null)
        #expect(
            results.warnings.contains {
                $0.hasPrefix("condition unedited: 1 of 4 answers ended inside their thinking")
            })
    }

    /// The model's own refusals as pairs: what follows the thinking is judged, and kept.
    @Test func ownRefusalsFollowTheThinking() async throws {
        let runner = FakeRunner(
            model,
            answers: [
                "a": "<think>Sure</think>I can\u{2019}t do that.", "b": "<think>I cannot</think>Sure.",
                "c": "<think>I cannot",
            ])
        let own = SelfGeneratedAnswers(codec: ByteCodec(), judge: .faultline, seed: 1, slots: 4, groupPrompts: 4)
        let request = try own.request(["a", "b", "c"], source: "f", keep: .refusals, maxNewTokens: 9)
        let result = try request.pairs(try await runner.generate(request.groups, label: "l"))
        #expect(result.pairs.map(\.response) == ["I can\u{2019}t do that."])
        #expect(result.unfinished == " (1 ended inside their thinking: allow more new tokens)")
    }
}
