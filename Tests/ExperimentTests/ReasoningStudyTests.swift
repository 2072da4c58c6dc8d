import Caching
import Checkpoint
import Datasets
import Experiment
import Planning
import Protocol
import Reporting
import Selection
import StudyFile
import StudyReport
import StudySupport
import Tensors
import TestSupport
import Testing

/// Curves of the reasoning's direction in a study: read, refused, asked, written, shown, planned.
@Suite struct ReasoningStudyTests {
    let files = TemporaryFolder()
    let model = LongModel(MatrixModel(layers: 2))

    init() { files.write("harm a\nharm bc\n", to: "harmful.txt") }

    private func study(_ more: String = "tokens: [3, 1]") throws(InputError) -> Study {
        try Study(
            yaml: """
                model: m
                reasoning_curves: {prompts: harmful.txt, benign: sorry, malicious: surely, \(more)}
                conditions: [unedited]
                evaluation: {harmful: harmful.txt, max_new_tokens: 4, slots: 2}
                """, file: files.file("s.yaml"))
    }

    private func run(_ study: Study, in folder: String) async throws -> (
        runner: FakeRunner, folder: RunFolder, results: StudyResults
    ) {
        try await files.carryOut(study, FakeRunner(MatrixModel(layers: 2)), model: model, in: folder, cached: true)
    }

    private func step(_ study: Study) throws -> ReasoningStep {
        for case .reasoning(let step) in try StudySchedule(study, config: model.config, codec: ByteCodec()).steps {
            return step
        }
        throw InternalError("the study has no such step")
    }

    @Test func itsSettingsAreRead() throws {
        let own = try #require(try study().reasoningCurves)
        #expect(own.tokens == [1, 3] && own.benign == "sorry" && own.malicious == "surely")
        #expect(own.prompts.file.hasSuffix("harmful.txt"))
        let plain = try #require(try study("tokens: [4]").reasoningCurves)
        #expect(plain.tokens == [4])
        #expect(Study.ReasoningCurvePlan.standardTokens == [2, 4, 6, 8, 10])
    }

    @Test(arguments: [
        ("tokens: [0]", "reasoning_curves.tokens has to be a list of different numbers"),
        ("tokens: [1, 1]", "reasoning_curves.tokens has to be a list of different numbers"),
        ("tokens: []", "reasoning_curves.tokens needs 1 to 64 numbers"),
        ("layers: 2", "unknown key reasoning_curves.layers"),
    ]) func whatItDoesNotKnowIsRefused(_ more: String, _ words: String) {
        let error = #expect(throws: InputError.self) { try study(more) }
        #expect(error?.fault.contains(words) == true, "\(error?.description ?? "")")
    }

    @Test func bothAnswersAreNeededAndDiffer() {
        for (more, words) in [
            ("benign: b", "reasoning_curves.malicious is missing"),
            ("benign: b, malicious: b", "reasoning_curves.malicious is the text of benign"),
        ] {
            let error = #expect(throws: InputError.self) {
                try Study(
                    yaml: "model: m\nreasoning_curves: {prompts: harmful.txt, \(more)}\nconditions: [unedited]",
                    file: files.file("s.yaml"))
            }
            #expect(error?.fault.contains(words) == true, "\(error?.description ?? "")")
        }
    }

    /// "sorry" has five tokens.
    @Test func anAnswerThatIsTooShortIsRefusedBeforeAnyWork() throws {
        let study = try study("tokens: [6]")
        #expect { try step(study) } throws: {
            "\($0)".contains("reasoning_curves.benign: has 5 tokens, and 6 are looked at")
        }
        let short = ByteCodec(longest: 8)
        let fits = try self.study()
        #expect(throws: InputError.self) { try StudySchedule(fits, config: model.config, codec: short) }
    }

    /// Every prompt alone, then with one and with three tokens of both answers: a class each.
    @Test func everyPromptIsAskedWithBothAnswers() throws {
        let step = try step(try study())
        #expect(step.blocks.count == 2 && step.request.classes == 5 && step.request.name == LastTokenState.name)
        let codec = ByteCodec()
        for (block, text) in zip(step.blocks, ["harm a", "harm bc"]) {
            var seen: [Int: [Int32]] = [:]
            for batch in block {
                let shared = Set(batch.sequences.compactMap(\.prefix))
                for (index, sequence) in batch.sequences.enumerated() where !shared.contains(index) {
                    let head = sequence.prefix.map { batch.sequences[$0].tokens } ?? []
                    seen[sequence.group ?? -1] = head + sequence.tokens
                    #expect(sequence.scoredFrom == sequence.tokens.count)
                }
            }
            let prompt = codec.prompt(text)
            let expected = ["", "s", "s", "sor", "sur"].map { prompt + codec.encode($0) }
            #expect(seen == Dictionary(uniqueKeysWithValues: expected.enumerated().map { ($0, $1) }))
        }
    }

    /// The fake's states are all equal, so nothing moves.
    @Test func curvesAreWrittenAndShown() async throws {
        let done = try await run(try study(), in: "one")
        let curves = try #require(done.results.reasoningCurves)
        #expect(curves.points.count == 6 && curves.points.allSatisfy { abs($0.benign) < 1e-12 })
        let rows = try CSV.cells(done.folder.reasoningCurves)
        #expect(rows.map { $0["tokens"] } == ["1", "1", "1", "3", "3", "3"])
        #expect(rows.map { $0["place"] } == ["input.1", "output", "norm", "input.1", "output", "norm"])
        #expect(rows[0]["layer"] == "0" && rows[1]["layer"] == "1")
        let json = try JSON.parse(Array(done.results.json(command: "c", versions: []).utf8))["reasoning_curves"]
        let points = try #require(json?["points"]?.elements)
        #expect(
            json?["prompts"]?.int == curves.prompts && points.map { $0["place"]?.string } == rows.map { $0["place"] })
        #expect(points.map { $0["malicious"]?.double } == curves.points.map { $0.malicious })
        let figures = StudyFigures.reasoning(curves)
        #expect(figures.map(\.id) == ["reasoning-tokens", "reasoning-blocks", "reasoning-difference"])
        let report = done.results.report(command: "c", versions: [])
        #expect(report.tables.contains { $0.caption == "Distances that beginnings of answers make" })
        #expect(report.settings.contains { $0.name == "reasoning curves" && $0.value.contains("1, 3 tokens") })
        let again = try await run(try study(), in: "two")
        #expect(!again.runner.seen.log.contains { $0.hasPrefix("statistics") })
        #expect(try TextFile.read(again.folder.reasoningCurves) == TextFile.read(done.folder.reasoningCurves))
    }

    @Test func aPlanCountsThem() throws {
        let work = try files.work(study(), model: model)
        let own = try #require(work.steps.first { $0.work == ReasoningStep.label })
        #expect(own.tasks.count == 2 && own.collected?.classes == 5 && own.bytes > 0)
        let longest = ["harm a", "harm bc"].map { 5 * ByteCodec().prompt($0).count + 8 }.reduce(0, +)
        #expect(own.tokens > 0 && own.tokens < longest)
    }
}
