import Caching
import Checkpoint
import Datasets
import Evaluation
import Experiment
import Foundation
import Planning
import Protocol
import Reporting
import StudyFile
import StudyReport
import StudySupport
import Tensors
import TestSupport
import Testing

/// Measures of the first token, and several judges: read, refused, measured, kept, planned.
@Suite struct FirstTokenStudyTests {
    let files = TemporaryFolder()
    let model = LongModel(MatrixModel(layers: 2))
    /// What the fake model gives every token alike: half of all.
    private let rest = 0.5 / 128

    init() {
        files.write("harm a\nharm b\n", to: "harmful.txt")
        // The second one holds "harm": it is refused, too.
        files.write("kind a\ncharm b\n", to: "harmless.txt")
        files.write("{\"prompt\": \"u\", \"response\": \"r\"}\n", to: "pairs.jsonl")
    }

    private func study(_ evaluation: String, top: String = "") throws(InputError) -> Study {
        try Study(
            yaml: """
                model: m
                batch_tokens: 200
                \(top)
                conditions:
                  - unedited
                  - {name: tuned, finetune: {pairs: pairs.jsonl, steps: 1, batch: 1}}
                evaluation: {harmful: harmful.txt, harmless: harmless.txt, max_new_tokens: 60, \(evaluation)}
                """, file: files.file("s.yaml"))
    }

    private func run(
        _ study: Study, in folder: String, cached: Bool = false, broken: String? = nil,
        answers: [String: String] = [:]
    ) async throws -> (runner: FakeRunner, results: StudyResults) {
        let runner = FakeRunner(MatrixModel(layers: 2), answers: answers, broken: broken)
        let results = try await StudyRun(
            study, runner: runner, codec: ByteCodec(), model: model, modelDigest: "digest",
            folder: try RunFolder(files.file(folder)), exporter: nil,
            cache: cached ? try ResultCache(files.file("cache")) : nil, announce: { _ in }
        ).run()
        return (runner, results)
    }

    private static let all = "first_token_kl: exact, refusal_log_odds: auto"

    @Test func theKeysAreRead() throws {
        let plan = try study("first_token_kl: refusal_direction, refusal_log_odds: [I, 9, \"7\"]").evaluation
        #expect(plan.firstTokenKL == .refusalDirection && plan.firstTokenKL?.epsilon == 1e-6)
        #expect(plan.refusalTokens == .given([.text("I"), .id(9), .text("7")]))
        #expect(try study("refusal_log_odds: auto").evaluation.refusalTokens == .own)
        #expect(try study("refusal_log_odds: 40").evaluation.refusalTokens == .given([.id(40)]))
        #expect(try study("slots: 2").evaluation.firstTokenKL == nil)
        #expect(try study("slots: 2", top: "judge: [rd12, faultline-1]").judges == ["rd12-1", "faultline-1"])
        #expect(try study("slots: 2", top: "judge: scans").judges == ["scans-1"])
    }

    @Test(arguments: [
        ("first_token_kl: 1", "", "evaluation.first_token_kl = 1 is unknown"),
        ("refusal_log_odds: []", "", "evaluation.refusal_log_odds is empty"),
        ("refusal_log_odds: [[1]]", "", "evaluation.refusal_log_odds has to be auto, or a list of tokens"),
        ("refusal_log_odds: -1", "", "evaluation.refusal_log_odds has -1, which is no token's number"),
        ("slots: 2", "judge: rd13", "judge = rd13 is unknown"),
        ("slots: 2", "judge: [rd12, rd12-1]", "judge names rd12-1 twice"),
        ("slots: 2", "judge: []", "judge is empty"),
    ]) func wrongKeysAreRefusedInWords(_ evaluation: String, _ top: String, _ words: String) {
        let error = #expect(throws: InputError.self) { try study(evaluation, top: top) }
        #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
    }

    @Test func measuresNeedTheirPrompts() {
        func fault(_ evaluation: String) -> String? {
            do {
                _ = try Study(
                    yaml: "model: m\nconditions: [unedited]\nevaluation: {\(evaluation)}", file: files.file("s.yaml"))
            } catch { return "\(error)" }
            return nil
        }
        #expect(fault("harmful: h.txt, first_token_kl: exact")?.contains("needs harmless prompts") == true)
        #expect(fault("harmless: h.txt, refusal_log_odds: auto")?.contains("needs harmful prompts: auto") == true)
        #expect(fault("tasks: [t], refusal_log_odds: [I]")?.contains("needs harmful prompts") == true)
        #expect(fault("harmless: h.txt, refusal_log_odds: [I]") == nil)
    }

    @Test(arguments: [("[Iw]", "\"Iw\" is 2 tokens"), ("[900]", "token 900 is outside the vocabulary of 64")])
    func tokensThatTheModelLacksAreRefused(_ tokens: String, _ words: String) throws {
        let study = try study("refusal_log_odds: \(tokens)")
        let error = #expect(throws: InputError.self) {
            try StudySchedule(study, config: model.config, codec: ByteCodec())
        }
        #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
    }

    @Test func everyConditionIsMeasuredAgainstTheUnedited() async throws {
        let (runner, results) = try await run(try study(Self.all), in: "run")
        let (own, tuned) = (results.conditions[0], results.conditions[1])
        #expect(own.firstTokenKL == Estimate(value: 0, standardError: 0, count: 2))
        // Of the prompt that was refused: "I" and "w" have changed places.
        let moved = 0.5 * log((0.5 + rest) / rest)
        let kl = try #require(tuned.firstTokenKL)
        #expect(abs(kl.value - moved / 2) < 1e-5 && kl.count == 2)
        let (refused, answered) = (log((0.5 + rest) / (0.5 - rest)), log(rest / (1 - rest)))
        func close(_ estimate: Estimate?, _ value: Double) -> Bool {
            estimate.map { abs($0.value - value) < 1e-4 && $0.count == 2 } ?? false
        }
        #expect(close(own.refusalLogOdds.harmful, refused) && close(tuned.refusalLogOdds.harmful, answered))
        #expect(close(own.refusalLogOdds.harmless, (refused + answered) / 2))
        #expect(close(tuned.refusalLogOdds.harmless, answered))
        #expect(results.refusalTokens == "73 \"I\" (from the unedited model's refusals)")
        #expect(runner.seen.log.contains("next tokens [2] of [73] [none]"))
        #expect(runner.seen.log.contains("divergence [2] [trained]"))

        let folder = try RunFolder(files.file("run"))
        try results.write(to: folder, command: "c", versions: [], gnuplot: nil)
        let rows = try CSV.cells(folder.resultsCSV).filter { $0["condition"] == "tuned" }
        let names = ["first_token_kl", "refusal_log_odds_harmful", "refusal_log_odds_harmless"]
        for name in names { #expect(rows.contains { $0["measure"] == name && $0["count"] == "2" }, "\(name)") }
        let titles = results.table().columns.map(\.title)
        #expect(titles.suffix(3) == ["first-token KL", "refusal log-odds", "refusal log-odds, harmless"])
        let report = String(decoding: try TextFile.read(folder.report), as: UTF8.self)
        #expect(report.contains("refusal tokens") && report.contains("First-token KL: KL(unedited"))
    }

    @Test func aModelThatRefusesNothingHasNoLogOdds() async throws {
        let (runner, results) = try await run(
            try study("refusal_log_odds: auto"), in: "run", answers: ["harm": FakeRunner.fluent])
        #expect(results.conditions.allSatisfy { $0.refusalLogOdds.harmful == nil })
        #expect(results.warnings.contains { $0.hasPrefix("refusal_log_odds: the unedited model refuses nothing") })
        #expect(!runner.seen.log.contains { $0.hasPrefix("next tokens") })
        #expect(results.refusalTokens == "none (from the unedited model's refusals)")
    }

    @Test func numbersThatAreNoneTakeAConditionsMeasures() async throws {
        let (_, results) = try await run(try study(Self.all), in: "run", broken: "trained")
        #expect(results.conditions[1].remark?.key == "not_finite" && results.conditions[1].firstTokenKL == nil)
        let row = results.csv().split(separator: "\n").first { $0.hasPrefix("tuned,first_token_kl") }
        #expect(row == "tuned,first_token_kl,,,0,")
    }

    @Test func theCacheKnowsThem() async throws {
        let first = try await run(try study(Self.all), in: "first", cached: true)
        let second = try await run(try study(Self.all), in: "second", cached: true)
        #expect(first.runner.seen.log.contains { $0.hasPrefix("divergence") } && second.runner.seen.log == [])
        #expect(second.results.csv() == first.results.csv())
        // Another epsilon is another number; the distributions it is made of are known.
        let other = try await run(
            try study("first_token_kl: refusal_direction, refusal_log_odds: auto"), in: "third", cached: true)
        #expect(other.runner.seen.log.filter { !$0.hasPrefix("train") } == ["divergence [2] [trained]"])
    }

    @Test func aPlanCountsThem() throws {
        let schedule = try StudySchedule(try study(Self.all), config: model.config, codec: ByteCodec())
        var made: Set<String> = []
        let work = try WorkCounter.count(schedule, model: model, made: &made)
        for name in ["unedited", "tuned"] {
            let step = try #require(work.steps.first { $0.label == "\(name): first token" })
            // Two prompts of 6 and 7 letters in their frame, the first token of which is shared.
            #expect(step.bytes == 4 * 64 * 2 && step.tasks.map(\.scored) == [2] && step.tokens == 16)
            let odds = try #require(work.steps.first { $0.label == "\(name): refusal log-odds" })
            #expect(odds.tasks.map(\.scored) == [2, 2] && !odds.isKnown)
        }
        let kept = DiskPrediction(schedule, config: model.config, work: work).kept
        #expect(kept.first { $0.name == "first-token distributions" }?.bytes == 4 * 64 * 2)
    }

    @Test func severalJudgesStandSideBySide() async throws {
        let study = try study("slots: 2", top: "judge: [landscape29, faultline, paper, rd12]")
        let (_, results) = try await run(
            study, in: "run", answers: ["harm a": "It is illegal, but take a bus to the other end of the town."])
        #expect(results.judges.own.name == "landscape29-1")
        #expect(results.judges.others.map(\.name) == ["faultline-1", "rd12-1"])
        let folder = try RunFolder(files.file("run"))
        try results.write(to: folder, command: "c", versions: [], gnuplot: nil)
        let rows = try CSV.cells(folder.resultsCSV).filter { $0["condition"] == "unedited" }
        func row(_ measure: String) -> [String]? {
            rows.first { $0["measure"] == measure }.map { [$0["value"] ?? "", $0["judge"] ?? ""] }
        }
        #expect(row("asr_mean") == ["0.0", "landscape29-1"])
        #expect(row("asr_rd12_1_mean") == ["0.5", "rd12-1"])
        #expect(row("asr_faultline_1_mean") == ["0.5", "faultline-1"])
        #expect(row("asr_paper_mean")?[1] == "paper-1")
        #expect(row("over_refusal") == ["0.5", "landscape29-1"] && row("over_refusal_rd12_1") == ["0.5", "rd12-1"])
        let titles = results.table().columns.map(\.title)
        #expect(titles.contains("ASR (landscape29-1)") && titles.contains("ASR rd12-1"))
        #expect(titles.contains("over-refusal (faultline-1)"))
        #expect(results.judgesLine.contains("Beside them: faultline-1"))
        let answers = try TextFile.lines(TextFile.read(folder.answers("unedited")))
        let first = try JSON.parse(Array(answers[0].utf8))
        #expect(first["judge"]?.string == "landscape29-1" && first["refused"]?.boolean == true)
        #expect(first["refused_by"]?["rd12-1"]?.boolean == false)
    }
}
