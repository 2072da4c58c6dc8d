import Caching
import Checkpoint
import Datasets
import Experiment
import Foundation
import ModelService
import Planning
import Reporting
import Selection
import StudyFile
import StudyReport
import StudySupport
import Tensors
import TestSupport
import Testing

/// The beginning of a condition that is closed by two braces.
private let tuned = "finetune: {pairs: pairs.jsonl, steps: 1"

/// Units and blocks in a study: read, refused before any work, removed, frozen, planned.
@Suite struct UnitStudyTests {
    let files = TemporaryFolder()
    /// Two layers of two query heads over one head of keys and values, and six MLP channels: 16 units.
    let model = LongModel(MatrixModel(layers: 2))

    init() {
        files.write("harm a\nharm b\n", to: "harmful.txt")
        files.write("kind a\nkind b\n", to: "harmless.txt")
        files.write(#"{"prompt": "kind a", "response": "yes"}"# + "\n", to: "pairs.jsonl")
    }

    private static let statistic =
        "[{name: u, statistic: unit_variance, harmful: harmful.txt, harmless: {pairs: pairs.jsonl}}]"

    private func study(_ conditions: String, statistics: String = Self.statistic) throws(InputError) -> Study {
        try Study(
            yaml: """
                model: m
                block_examples: 2
                statistics: \(statistics)
                conditions: [unedited, \(conditions)]
                evaluation: {harmful: harmful.txt, max_new_tokens: 4, slots: 2}
                """, file: files.file("s.yaml"))
    }

    private func run(_ study: Study, in folder: String, cached: Bool = false) async throws -> (
        runner: FakeRunner, folder: RunFolder, results: StudyResults
    ) {
        try await files.carryOut(study, FakeRunner(MatrixModel(layers: 2)), model: model, in: folder, cached: cached)
    }

    @Test func itsSettingsAreRead() throws {
        let conditions = try study(
            """
            {units: {statistic: u, class: safety, safety: [7, 13]}}, {name: both, units: {statistic: u, class: [safety, complex], \
            safety: 7, utility: 13, redundant: 20, complex: 6, complex_by: sum, attention: channel, normalize: raw, scope: layer}}
            """
        ).conditions.dropFirst()
        #expect(conditions.map(\.name) == ["units-safety7", "units-safety13", "both"])
        let method = try #require(conditions.last?.method as? UnitsMethod)
        let selection = method.selection
        #expect(selection.classes == [.safety, .complex] && selection.complex == 6 && selection.complexOrder == .sum)
        #expect(selection.settings.attention == .channel && selection.settings.scope == .layer)
        #expect(selection.settings.normalization == .raw && selection.settings.redundant == 20)
        #expect(
            method.title
                == "without units: 7 % safety + 6 % complex (by sum), of 7 safety, 13 utility, 20 redundant; channels, raw, layer, statistic u"
        )
    }

    @Test(arguments: [
        ("{units: {class: security}}", "class = security is unknown"),
        ("{units: {class: safety}}", "units.safety is missing: the percent of the units that are safety"),
        ("{units: {class: complex, safety: 1, redundant: 1}}", "units.utility is missing"),
        ("{units: {class: safety, safety: 1, complex: 6}}", "units.complex goes with class complex"),
        (
            "{units: {class: complex, safety: 40, utility: 40, redundant: 10, complex: 20}}",
            "units.complex makes 110 % of the units in all classes together"
        ),
        (
            "{units: {class: safety, safety: 10}}",
            "conditions units: units.statistic = unit_variance is no statistic unit_variance of this study"
        ),
        ("{\(tuned), freeze: {layers: 6-4}}}", "layers = 6-4 is no range of blocks from 0, as 6-12"),
        ("{\(tuned), freeze: {layers: 4-5, bounds: strict}}}", "layers = 4-5 has no block with bounds: strict"),
        ("{\(tuned), rewind: {layers: 0-1}}}", "layers goes with freeze"),
        ("{\(tuned), freeze: {layers: 0, units: {class: safety, safety: 9}}}}", "one of units, layers, all_but"),
        ("{\(tuned), freeze: {all_but: {layers: 0}}}}", "finetune.freeze.all_but needs parameters: linear"),
        ("{\(tuned), freeze: {units: {class: safety, safety: 9}}}}", "freeze.units.statistic = unit_variance is no"),
    ]) func whatItDoesNotKnowIsRefused(_ condition: String, _ words: String) {
        let error = #expect(throws: InputError.self) { try study(condition) }
        #expect(error?.fault.contains(words) == true, "\(error?.description ?? "")")
    }

    /// Against the model, before any work.
    @Test(arguments: [
        (
            "{units: {statistic: u, class: safety, safety: 5}}",
            "condition units: class safety would be empty: the model has 16 units, ranked together"
        ),
        (
            "{units: {statistic: u, class: complex, safety: 50, utility: 50, redundant: 0}}",
            "class complex would be empty"
        ),
        (
            "{\(tuned), freeze: {units: {statistic: u, class: redundant, redundant: 20, scope: layer, attention: group}}}}",
            ""
        ),
        (
            "{\(tuned), freeze: {layers: 1-2}}}",
            "condition finetune: blocks 1 to 2 were asked for, the model has 2, counted from 0 to 1"
        ),
        ("{\(tuned), freeze: {layers: 1-2, bounds: python}}}", ""),
    ]) func anEmptyClassAndABlockBeyondTheModelAreRefused(_ condition: String, _ words: String) throws {
        let study = try study(condition)
        guard !words.isEmpty else { return try study.check(model.config) }
        #expect { try study.check(model.config) } throws: { "\($0)".contains(words) }
    }

    @Test func responsesAreNeededWhereTheyAloneAreLookedAt() async throws {
        let study = try study(
            "{units: {statistic: u, class: safety, safety: 10}}",
            statistics: Self.statistic.replacing("unit_variance,", with: "unit_variance, tokens: response,"))
        let error = await #expect(throws: InputError.self) { _ = try await run(study, in: "r") }
        #expect(error?.description.contains("harmful.txt has prompts: name a file of pairs") == true)
    }

    /// The fake's variances are all 0, so units are taken in their order.
    @Test func theFirstUnitsAreRemoved() async throws {
        let study = try study("{units: {statistic: u, class: safety, safety: 20}}, {random: {like: units}}")
        let done = try await run(study, in: "one", cached: true)
        let mask = try #require(done.runner.seen.edits["units"])
        let layout = UnitLayout(model.config, attention: .head)
        let none = Array(repeating: false, count: 6)
        let chosen = [[true, true], [true] + none.dropLast(), [false, false], none]
        #expect(mask.maps == layout.mask(of: chosen, in: model.config).maps)
        // All heads of the layer: its projections whole. One MLP channel: two rows and a column of four.
        #expect(mask.count == 16 + 8 + 8 + 16 + 12)
        #expect(try Mask(contentsOf: done.folder.mask("units")).maps == mask.maps)
        #expect(done.runner.seen.edits["random"]?.count == mask.count)
        let file = try TensorBundle(safetensors: done.folder.statistic("u"))
        let weight = LinearMap.down.weightName(layer: 1)
        #expect(file["variance.harmful.\(weight)"]?.shape == [6] && file["mean.harmless.\(weight)"]?.shape == [6])
        #expect(file["count.harmful"]?.buffer.doubleArray() == [1])
        #expect(file.metadata["option_tokens"] == "all")
        let again = try await run(study, in: "two", cached: true)
        #expect(!again.runner.seen.log.contains { $0.hasPrefix("statistics") })
        #expect(again.results.csv() == done.results.csv())
    }

    @Test func unitsAndBlocksAreFrozen() async throws {
        let shares = "safety: 7, utility: 13, redundant: 20"
        let budget = "{all_but: {units: {statistic: u, class: redundant, redundant: 20}}}"
        let study = try study(
            """
            {name: some, \(tuned), freeze: {units: {statistic: u, class: [safety, complex], \(shares), complex: 7}}}}, \
            {name: all, \(tuned), freeze: {units: {statistic: u, class: [safety, complex], \(shares)}}}}, \
            {name: budget, \(tuned), parameters: linear, freeze: \(budget)}}, \
            {name: blocks, \(tuned), freeze: {layers: 1, norms: in}}}
            """)
        let done = try await run(study, in: "one")
        let frozen = done.runner.seen.frozen.compactMap { $0 }
        try #require(frozen.count == 4)
        // Of 16 units in their order: 1 safety, 2 utility, 3 redundant, 10 complex.
        let layout = UnitLayout(model.config, attention: .head)
        func mask(_ units: Set<Int>) -> Mask {
            let all = (0..<16).map { units.contains($0) }
            return layout.mask(
                of: [Array(all[0..<2]), Array(all[2..<8]), Array(all[8..<10]), Array(all[10..<16])], in: model.config)
        }
        #expect(frozen[0].maps == mask([0, 6]).maps)
        #expect(try frozen[1].maps == mask([0]).union(mask(Set(6..<16))).maps)
        let rest = RestrictedMask.complement(of: mask([0, 1, 2]), model.config)
        #expect(frozen[2].maps == rest.maps && frozen[2].count == 240 - mask([0, 1, 2]).count)
        #expect(frozen[3].maps == RestrictedMask.blocks(1..<2, norms: true, of: model.config).maps)
        #expect(frozen[3].count == 120 + 8)
        #expect(try Mask(contentsOf: done.folder.mask("budget")).maps == rest.maps)
        let restricted = try #require(done.results.conditions.first { $0.name == "blocks" }?.restricted)
        #expect(restricted.count == 128 && restricted.ofMaps == 0.5)
        #expect(study.shareMasks == 4)
    }

    @Test func aPlanCountsThem() throws {
        let study = try study(
            "{units: {statistic: u, class: safety, safety: 20}}, {name: t, \(tuned), freeze: {layers: 0}}}")
        let schedule = try StudySchedule(study, config: model.config, codec: ByteCodec())
        #expect(schedule.maskCount == 2)
        let work = try files.work(study, model: model)
        #expect(work.steps.contains { $0.label == "statistic u" && $0.tokens > 0 })
        #expect(work.steps.contains { $0.label == "t: fine-tuning" })
    }

    private static let states =
        "[{statistic: last_token_state, harmful: harmful.txt, harmless: harmless.txt}]\nlayer_curves: {pairs: 7, seed: 3}"

    @Test func curvesAreWrittenAndShown() async throws {
        let done = try await run(try study("", statistics: Self.states), in: "curves")
        let curves = try #require(done.results.layerCurves)
        #expect(curves.pairs == 7 && curves.seed == 3 && curves.points.count == 3)
        let rows = try CSV.cells(done.folder.layerCurves)
        #expect(rows.count == 9 && rows[0]["place"] == "input.1" && rows[8]["place"] == "norm")
        let json = try JSON.parse(Array(done.results.json(command: "c", versions: []).utf8))
        let points = try #require(json["layer_curves"]?["points"]?.elements)
        #expect(points.map { $0["gap"]?.double } == curves.points.map(\.gap) && json["layer_range"] == nil)
        #expect(points[0]["mean_cosine"]?["normal-malicious"]?.double == curves.points[0].cosines[.normalMalicious])
        let figures = StudyFigures.layerCurves(curves)
        #expect(figures.map(\.id) == ["layer-cosines", "layer-gaps"])
        try done.results.write(to: done.folder, command: "c", versions: [], gnuplot: nil)
        let page = String(decoding: try TextFile.read(done.folder.reportPage), as: UTF8.self)
        #expect(page.contains("Cosine of the last tokens"))
    }

    @Test func curvesNeedTheirStatisticAndTwoPromptsOfEachKind() async throws {
        let error = #expect(throws: InputError.self) {
            try self.study("", statistics: Self.states.replacing("pairs: 7", with: "statistic: other"))
        }
        #expect(error?.fault.contains("needs a statistic last_token_state called other") == true)
        files.write("one\n", to: "harmless.txt")
        let study = try self.study("", statistics: Self.states)
        #expect(throws: SelectionError.self) {
            try StudySchedule(study, config: model.config, codec: ByteCodec())
        }
    }

    @Test func scaledBlocksAreAnEdit() async throws {
        let study = try study(
            "{scale: {layers: [0, 0-1], alpha: [1, 1.5]}}, {name: some, scale: {layers: 1, alpha: 2, maps: [down, q]}}",
            statistics: "[]")
        #expect(
            study.conditions.map(\.name) == [
                "unedited", "scale-layers0-alpha1", "scale-layers0-alpha1.5", "scale-layers0-1-alpha1",
                "scale-layers0-1-alpha1.5", "some",
            ])
        #expect(study.conditions[4].title == "blocks 0 to 1 × 1.5")
        #expect(study.conditions[5].title == "block 1 × 2, q down alone")
        let done = try await run(study, in: "scaled", cached: true)
        let edit = try #require(done.runner.seen.all["some"] as? ScaledWeights)
        #expect(edit.maps.map(\.name) == [LinearMap.down, .q].map { $0.weightName(layer: 1) } && edit.factor == 2)
        #expect(done.results.conditions[1].remark == .changesNothing("its factor is 1"))
        let again = try await run(study, in: "again", cached: true)
        #expect(!again.runner.seen.log.contains { $0.hasSuffix("[some]") })
        let beyond = try self.study("{scale: {layers: 1-2, alpha: 2}}", statistics: "[]")
        #expect { try beyond.check(model.config) } throws: { "\($0)".contains("the model has 2") }
    }
}
