import Caching
import Checkpoint
import Datasets
import Evaluation
import Experiment
import ModelService
import Planning
import Protocol
import Reporting
import Selection
import StudyFile
import StudyReport
import StudySupport
import Synchronization
import Tensors
import TestSupport
import Testing

/// A study's safety layers: read, refused, found on a model whose refusals are known by range, written, frozen, planned.
@Suite struct LayerRangeStudyTests {
    let files = TemporaryFolder()
    let model = LongModel(MatrixModel(layers: 6))

    init() {
        files.write((0..<9).map { "edge \($0)\n" }.joined(), to: "edge.txt")
        files.write("harm a\nharm b\n", to: "harmful.txt")
        files.write("kind a\nkind b\n", to: "harmless.txt")
        files.write(#"{"prompt": "kind a", "response": "yes"}"# + "\n", to: "pairs.jsonl")
    }

    private func study(
        _ range: String = "start: 2-3", more: String = "", conditions: String = ""
    ) throws(InputError) -> Study {
        try Study(
            yaml: """
                model: m
                layer_range: {prompts: edge.txt, alpha: 1.2, \(range)}
                \(more)
                conditions: [unedited\(conditions)]
                evaluation: {harmful: harmful.txt, slots: 2, group_prompts: 4, max_new_tokens: 4}
                """, file: files.file("s.yaml"))
    }

    private func run(
        _ study: Study, in folder: String, overflowing: Range<Int>? = nil, cached: Bool = false
    ) async throws -> (runner: RangeRunner, folder: RunFolder, results: StudyResults) {
        let runner = RangeRunner(MatrixModel(layers: 6), overflowing: overflowing)
        return try await files.carryOut(study, runner, model: model, in: folder, cached: cached)
    }

    @Test func itsSettingsAreRead() throws {
        let plain = try #require(try study().layerRange)
        #expect(plain.alpha == 1.2 && plain.start?.layers == 2..<4 && plain.reach == 5 && plain.aim == .most)
        #expect(plain.maps == LinearMap.allCases && plain.maxNewTokens == 16 && plain.rule == GapRule())
        let own = try #require(
            try study(
                "start: 2-4, bounds: python, reach: 1, pick: fewest, maps: [down, q], max_new_tokens: 3"
            ).layerRange)
        #expect(own.start?.layers == 2..<4 && own.reach == 1 && own.aim == .fewest && own.maps == [.q, .down])
        let curves =
            "statistics: [{statistic: last_token_state, harmful: harmful.txt, harmless: harmless.txt}]\nlayer_curves: {}"
        let read = try #require(try study("appears: 20, smooths: 40", more: curves).layerRange)
        #expect(read.start == nil && read.rule.appears == 0.2 && read.rule.smooths == 0.4)
    }

    @Test func smallFactorsPickTheFewestRefusals() throws {
        let text = """
            model: m
            layer_range: {prompts: edge.txt, alpha: 0.8, start: 1}
            conditions: [unedited]
            """
        #expect(try Study(yaml: text, file: files.file("s.yaml")).layerRange?.aim == .fewest)
    }

    @Test(arguments: [
        ("reach: 1", "layer_range needs layer_curves to read its first range off, or start"),
        ("start: 3-2", "layer_range.start = 3-2 is no range of blocks"),
        ("start: 1, appears: 5", "layer_range.appears goes with a start that is read off"),
        ("bounds: strict", "layer_range.bounds goes with start"),
        ("start: 1, pick: some", "layer_range.pick = some is unknown"),
        ("start: 1, maps: [w]", "layer_range.maps = w is unknown"),
        ("start: 1, begin: 2", "unknown key layer_range.begin"),
    ]) func whatItDoesNotKnowIsRefused(_ range: String, _ words: String) {
        let error = #expect(throws: InputError.self) { try study(range) }
        #expect(error?.fault.contains(words) == true, "\(error?.description ?? "")")
    }

    @Test(arguments: ["0", "1", "-2"]) func aFactorThatScalesNothingIsRefused(_ alpha: String) {
        let error = #expect(throws: InputError.self) {
            try Study(
                yaml: "model: m\nlayer_range: {prompts: edge.txt, alpha: \(alpha), start: 1}\nconditions: [unedited]",
                file: files.file("s.yaml"))
        }
        #expect(error?.fault.contains("layer_range.alpha") == true)
    }

    @Test func aRangeIsFrozenOnlyWhereOneIsFound() throws {
        let frozen = ", {name: t, finetune: {pairs: pairs.jsonl, steps: 1, freeze: {layers: found}}}"
        let error = #expect(throws: InputError.self) {
            try Study(
                yaml: "model: m\nconditions: [unedited\(frozen)]\nevaluation: {harmful: harmful.txt}",
                file: files.file("s.yaml"))
        }
        #expect(error?.fault.contains("layer_range is missing: condition t freezes the blocks that it finds") == true)
        let bounds = frozen.replacing("layers: found", with: "layers: found, bounds: strict")
        let other = #expect(throws: InputError.self) { try study(conditions: bounds) }
        #expect(other?.fault.contains("bounds goes with a range that is written out") == true)
    }

    @Test func aStartBeyondTheModelIsRefusedBeforeAnyWork() throws {
        let study = try study("start: 5-6")
        #expect {
            try StudySchedule(study, config: model.config, codec: ByteCodec())
        } throws: { "\($0)".contains("layer_range.start: blocks 5 to 6 were asked for, the model has 6") }
    }

    /// The last block moves to 4, then the first one to 1; what both sweeps have is asked once.
    @Test func bothSweepsFindTheRange() async throws {
        let done = try await run(try study(), in: "one")
        let found = try #require(done.results.layerRange)
        #expect(found.start == 2..<4 && found.chosen == 1..<5 && found.prompts == 9)
        let rows = try CSV.cells(done.folder.layerRange)
        #expect(
            rows.map { $0["sweep"] } == ["unscaled"] + Array(repeating: "last", count: 4)
                + Array(repeating: "first", count: 5))
        #expect(rows.map { $0["first"] } == ["", "2", "2", "2", "2", "0", "1", "2", "3", "4"])
        #expect(rows.map { $0["last"] } == ["", "2", "3", "4", "5", "4", "4", "4", "4", "4"])
        #expect(rows.map { $0["rejected"] } == ["0", "3", "4", "6", "6", "5", "8", "6", "5", "2"])
        #expect(rows.map { $0["chosen"] } == (0..<10).map { $0 == 6 ? "1" : "0" })
        #expect(rows[0]["alpha"] == "1" && rows[1]["alpha"] == "1.2" && rows[1]["judge"] == "faultline-1")
        let scaled = done.runner.asked.compactMap { $0 }
        #expect(scaled == [2..<3, 2..<4, 2..<5, 2..<6, 0..<5, 1..<5, 3..<5, 4..<5])
        #expect(
            done.results.report(command: "c", versions: []).tables.contains { $0.caption.contains("blocks 1 to 4") })
        // The range that was tried last is taken back before the unedited model answers.
        let answers = done.runner.fake.seen.log.first { $0.hasPrefix("generate") }
        #expect(answers?.hasSuffix("[none]") == true)
        let json = try JSON.parse(Array(done.results.json(command: "c", versions: []).utf8))["layer_range"]
        #expect(json?["first"]?.int == 1 && json?["last"]?.int == 4 && json?["start"]?["last"]?.int == 3)
        let trials = try #require(json?["trials"]?.elements)
        #expect(trials.map { $0["rejected"]?.int } == [0, 3, 4, 6, 6, 5, 8, 6, 5, 2])
        #expect(trials.map { $0["sweep"]?.string } == rows.map { $0["sweep"] })
        #expect(trials[0]["first"]?.isNull == true && trials[1]["last"]?.int == 2)
    }

    @Test func anOverflowingRangeHasNoCount() async throws {
        let done = try await run(try study(), in: "none", overflowing: 1..<5)
        let found = try #require(done.results.layerRange)
        #expect(found.chosen == 2..<5)
        let rows = try CSV.cells(done.folder.layerRange)
        #expect(rows.first { $0["first"] == "1" }?["rejected"] == "")
    }

    @Test func theFoundBlocksAreFrozen() async throws {
        let tuned = "finetune: {pairs: pairs.jsonl, steps: 1"
        let study = try study(
            conditions: """
                , {name: blocks, \(tuned), freeze: {layers: found, norms: in}}}, \
                {name: rest, \(tuned), parameters: linear, freeze: {all_but: {layers: found}}}}
                """)
        let done = try await run(study, in: "frozen")
        let frozen = done.runner.fake.seen.frozen.compactMap { $0 }
        try #require(frozen.count == 2)
        #expect(frozen[0].maps == RestrictedMask.blocks(1..<5, norms: true, of: model.config).maps)
        let rest = RestrictedMask.complement(
            of: RestrictedMask.blocks(1..<5, norms: false, of: model.config), model.config)
        #expect(frozen[1].maps == rest.maps)
        for name in ["blocks", "rest"] {
            #expect(try Mask(contentsOf: done.folder.mask(name)).metadata["layers"] == "1 2 3 4")
        }
    }

    @Test func aSecondRunTakesAllAnswersFromTheCache() async throws {
        let study = try study()
        let first = try await run(study, in: "one", cached: true)
        let second = try await run(study, in: "two", cached: true)
        #expect(!first.runner.asked.isEmpty && second.runner.asked.isEmpty)
        #expect(try TextFile.read(first.folder.layerRange) == TextFile.read(second.folder.layerRange))
        func isKnown(_ study: Study) throws -> Bool? {
            try files.work(study, model: model, cached: true).steps.first { $0.work == LayerRangeStep.label }?.isKnown
        }
        #expect(try isKnown(study) == true)
        #expect(try isKnown(self.study("start: 2-3, reach: 1")) == false)
    }

    /// Given: 4 + 4 ranges and the unscaled model, of which the second sweep has one from the first. Read off: the middle third.
    @Test(arguments: [("start: 2-3", 4 + 4), ("start: 2-3, reach: 1", 3 + 3), ("appears: 5", 4 + 4)])
    func aPlanCountsEveryTrial(_ range: String, _ trials: Int) throws {
        let curves =
            "statistics: [{statistic: last_token_state, harmful: harmful.txt, harmless: harmless.txt}]\nlayer_curves: {}"
        let work = try files.work(study(range, more: curves), model: model)
        let own = try #require(work.steps.first { $0.work == LayerRangeStep.label })
        // Nine prompts in groups of four.
        #expect(own.tasks.count == 3 * trials)
        #expect(own.tasks.allSatisfy { $0.steps > 0 })
    }
}

/// A model that refuses so many of the prompts, by the range of blocks that is scaled.
private final class RangeRunner: ForwardingRunner {
    private static let refused: [Range<Int>: Int] = [
        2..<3: 3, 2..<4: 4, 2..<5: 6, 2..<6: 6, 0..<5: 5, 1..<5: 8, 3..<5: 5, 4..<5: 2,
    ]

    let fake: FakeRunner
    private let config: ModelConfig
    private let overflowing: Range<Int>?
    private let state = Mutex<(edit: (any WeightEdit)?, asked: [Range<Int>?])>((nil, []))
    /// The ranges that were asked, one after another; `nil`: a model that is not scaled.
    var asked: [Range<Int>?] { state.withLock { $0.asked } }

    init(_ model: MatrixModel, overflowing: Range<Int>?) {
        (config, self.overflowing, fake) = (model.config, overflowing, FakeRunner(model))
    }

    func use(_ model: ModelState) async throws {
        state.withLock { if case .edited(let edit) = model.kind { $0.edit = edit } else { $0.edit = nil } }
        try await fake.use(model)
    }

    private func range(_ edit: ScaledWeights) -> Range<Int> {
        let layers = (0..<config.layerCount).filter { layer in
            edit.maps.contains { $0.name == LinearMap.q.weightName(layer: layer) }
        }
        return (layers.first ?? 0)..<(layers.last ?? -1) + 1
    }

    func generate(_ groups: [TaskBody.Generation], label: String) async throws -> [[Int32]] {
        guard label.hasPrefix(LayerRangeStep.label) else { return try await fake.generate(groups, label: label) }
        let range = (state.withLock { $0.edit } as? ScaledWeights).map { self.range($0) }
        state.withLock { $0.asked.append(range) }
        if let range, range == overflowing { throw Overflow() }
        let count = range.map { Self.refused[$0] ?? 0 } ?? 0
        let codec = ByteCodec()
        return groups.flatMap(\.prompts).indices.map {
            codec.encode($0 < count ? FakeRunner.refusal : FakeRunner.fluent)
        }
    }

    private struct Overflow: ModelRunnerFailure {
        let description = "a worker: \(NotFinite.phrase)"
    }
}
