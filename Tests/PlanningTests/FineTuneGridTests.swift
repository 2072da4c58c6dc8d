import Checkpoint
import Datasets
import Experiment
import ModelService
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

@Suite struct FineTuneGridTests {
    private let files = TemporaryFolder()
    private let model = MatrixModel(layers: 2)

    init() {
        files.write((1...9).map { "{\"prompt\": \"u\($0)\", \"response\": \"r\($0)\"}\n" }.joined(), to: "pairs.jsonl")
        files.write("harm a\nharm b\n", to: "harmful.txt")
    }

    private func text(_ grid: String, before: String = "") -> String {
        """
        name: t
        model: m
        batch_tokens: 500
        calibration: {safety: {pairs: pairs.jsonl}, utility: {pairs: pairs.jsonl, samples: 4}}
        conditions:
        - unedited
        \(before)- \(grid)
        evaluation: {harmful: harmful.txt, max_new_tokens: 20, slots: 2}
        """
    }

    private static let grid =
        "finetune_grid: {pairs: pairs.jsonl, examples: [4, 2], epochs: 3, batch: 2, of: linear_maps, frozen: [50, 0, 25]}"

    private func study(_ grid: String = Self.grid, before: String = "") throws -> Study {
        try Study(yaml: text(grid, before: before), file: files.file("study.yaml"))
    }

    private func run(_ study: Study, _ runner: FakeRunner, folder: String = "run") async throws
        -> (results: StudyResults, folder: RunFolder)
    {
        let folder = try RunFolder(files.file(folder))
        let results = try await StudyRun(
            study, runner: runner, codec: ByteCodec(), model: LongModel(model), modelDigest: "digest", folder: folder,
            exporter: nil, announce: { _ in }
        ).run()
        return (results, folder)
    }

    // MARK: The study file

    @Test func everyCellIsACondition() throws {
        let study = try study()
        let names = study.conditions.map(\.name)
        #expect(names.count == 1 + 2 * (1 + 2 * 3 * 2))
        #expect(names[1] == "finetune-n4-free" && names[2] == "finetune-n4-rewind-mask-50")
        #expect(names.contains("finetune-n2-freeze-layers-25") && Set(names).count == names.count)
        // One free training a number of examples, and one for every freeze.
        #expect(study.trainings.count == 2 * (1 + 3 * 2))
        guard let cell = study.conditions[3].fineTune else { Issue.record("no fine-tuning"); return }
        #expect(cell.samples == 4 && cell.length == .epochs(3) && cell.batch == 2 && cell.learningRate == 5e-5)
        #expect(cell.restriction == .init(.rewind, .share(.init(.mask, percent: 25, of: .linearMaps))))
    }

    @Test func thePapersGridIsTheDefault() throws {
        let study = try study("finetune_grid: {pairs: pairs.jsonl, restrict: rewind, by: mask}")
        #expect(study.conditions.count == 1 + 3 * 6)
        #expect(study.conditions.last?.name == "finetune-n100-rewind-mask-67.27")
        guard let cell = study.conditions[1].fineTune else { Issue.record("no fine-tuning"); return }
        #expect(cell.samples == 10 && cell.length == .epochs(5) && cell.batch == 10 && cell.learningRate == 5e-5)
        #expect(cell.restriction == nil && study.trainings.count == 3)
    }

    @Test(arguments: [
        ("frozen: [50, 0, 25]", "frozen: [50, 101]", "finetune_grid.frozen has 101, which is out of range: 0 to 100"),
        ("frozen: [50, 0, 25]", "frozen: [50, 50.0]", "finetune_grid.frozen has 50 twice"),
        ("frozen: [50, 0, 25]", "frozen: [half]", "finetune_grid.frozen has half, which is no such number"),
        ("frozen: [50, 0, 25]", "frozen: []", "finetune_grid.frozen is empty"),
        ("examples: [4, 2]", "examples: [2.5]", "finetune_grid.examples has 2.5, which is no such number"),
        ("examples: [4, 2]", "examples: 0", "finetune_grid.examples has 0, which is out of range: 1 to 1000000"),
        ("epochs: 3", "epochs: 3, steps: 2", "finetune_grid.epochs goes not with steps: give one of them"),
        ("epochs: 3", "by: [masc]", "finetune_grid.by has masc; did you mean mask? (known: mask, random, layers)"),
        ("epochs: 3", "by: [mask, mask]", "finetune_grid.by has mask twice"),
        (
            "epochs: 3", "restrict: freezing",
            "finetune_grid.restrict has freezing; did you mean freeze? (known: freeze, rewind)"
        ),
        (
            "of: linear_maps", "of: maps",
            "finetune_grid.of = maps is unknown (known: parameters, linear_maps)"
        ),
        ("pairs: pairs.jsonl, examples", "examples", "finetune_grid.pairs is missing"),
    ])
    func faultsNameTheKey(old: String, new: String, fault: String) {
        precondition(Self.grid.contains(old))
        let error = #expect(throws: InputError.self) { try study(Self.grid.replacing(old, with: new)) }
        #expect(error?.description == "\(files.file("study.yaml")):7: conditions[1].\(fault)")
    }

    @Test func faultsOfTheWholeStudy() throws {
        func fault(_ text: String) -> String? {
            let error = #expect(throws: InputError.self) { try Study(yaml: text, file: "s.yaml") }
            return error?.description
        }
        let whole = text(Self.grid)
        #expect(
            fault(whole.split(separator: "\n").filter { !$0.contains("calibration") }.joined(separator: "\n"))
                == "s.yaml:1: calibration is missing: condition finetune-n4-rewind-mask-50 needs scores")
        #expect(
            fault(whole.replacing("epochs: 3", with: "p: 5") + "\nscores: {method: magnitude}")
                == "s.yaml:9: scores method magnitude knows no two data sets: condition finetune-n4-rewind-mask-50 with p = 5 needs snip or wanda"
        )
        #expect(
            fault(text(Self.grid, before: "- {name: finetune-mask-50, top: {q: 1}}\n"))
                == "s.yaml:6: conditions have a mask called finetune-mask-50, and so has the grid; rename one")
        #expect(
            fault(text(Self.grid, before: "- \(Self.grid)\n"))?.contains("two conditions are called finetune-n4-free")
                == true)
        #expect(fault(text("{order: sequential, \(Self.grid)}"))?.contains("order goes not with finetune_grid") == true)
        #expect(
            fault(text("finetune: {pairs: pairs.jsonl, steps: 1, freeze: a, rewind: b}"))?.contains(
                "finetune.rewind goes not with freeze: make two conditions of it") == true)
        #expect(
            fault(text("finetune: {pairs: pairs.jsonl, epochs: 1, rewind: b}"))
                == "s.yaml:6: conditions finetune: finetune.rewind = b is no earlier condition with a mask")
        #expect(
            fault(text("finetune: {pairs: pairs.jsonl}"))?.contains("finetune.steps is missing (or epochs)") == true)
    }

    @Test func whatTheModelCannotHoldIsRefusedBeforeAnyWork() async throws {
        let runner = FakeRunner(model)
        let study = try study("finetune_grid: {pairs: pairs.jsonl, examples: 4, frozen: [10, 32]}")
        let error = await #expect(throws: InputError.self) { try await run(study, runner) }
        #expect(
            error?.description
                == "condition finetune-n4-rewind-mask-32: 32 % of all parameters is more than a mask can hold: at most 31.08 % (the linear maps hold 31.08 % of all parameters)"
        )
        #expect(runner.seen.log.isEmpty)
    }

    @Test func moreExamplesThanThereAreAreRefusedBeforeAnyWork() async throws {
        let runner = FakeRunner(model)
        let study = try study("finetune_grid: {pairs: pairs.jsonl, examples: [4, 10], frozen: 0}")
        await #expect(
            throws: InputError(files.file("pairs.jsonl"), "10 samples were asked for, the file has 9")
        ) { try await run(study, runner) }
        #expect(runner.seen.log.isEmpty)
    }

    // MARK: A run

    @Test func everyTrainingOnceAndEveryMaskAtItsSize() async throws {
        let runner = FakeRunner(model)
        let study = try study()
        let (results, folder) = try await run(study, runner)
        let seen = runner.seen
        #expect(seen.runs == study.trainings.count)
        #expect(seen.trainings.count == study.conditions.count - 1)
        #expect(Set(seen.trainings.map(\.steps.count)) == [3 * 1, 3 * 2])
        // The smaller draw lies in the larger one.
        func prompts(_ training: TaskBody.Training) -> Set<[Int32]> {
            Set(training.steps.joined().flatMap(\.sequences).map(\.tokens))
        }
        let draws = Set(seen.trainings.map { prompts($0) }).sorted { $0.count < $1.count }
        #expect(draws.map(\.count) == [2, 4] && draws[0].isSubset(of: draws[1]))
        // All that freezes is a run of its own; all else shares.
        for (frozen, shared) in zip(seen.frozen, seen.shared) { #expect((frozen == nil) == shared) }

        func mask(_ name: String) throws -> Mask { try Mask(contentsOf: folder.mask("finetune-\(name)")) }
        let safety = try ScoreFile(path: folder.scores("safety"))
        for percent in [25.0, 50] {
            let own = try mask("mask-\(Int(percent))")
            let top = try Selector.mask(of: safety, percent: percent, name: "q", group: .matrix)
            #expect(own.maps == top.maps)
            let random = try mask("random-\(Int(percent))")
            #expect(random.maps.map { $0.bits.count } == own.maps.map { $0.bits.count })
            #expect(random.maps != own.maps)
        }
        // Whole layers come no nearer to a quarter of two layers than one; it is the one of the higher mean.
        let means = try RestrictedMask.layerMeans(safety, of: model.config)
        let best = means[1] > means[0] ? 1 : 0
        for percent in [25, 50] {
            let layers = try mask("layers-\(percent)")
            #expect(layers.maps == RestrictedMask.layers([best], of: model.config).maps)
            #expect(layers.metadata["layers"] == "\(best)")
        }
        let byName = Dictionary(uniqueKeysWithValues: results.conditions.map { ($0.name, $0) })
        #expect(byName["finetune-n4-rewind-mask-50"]?.restricted?.ofMaps == 0.5)
        #expect(byName["finetune-n2-freeze-layers-25"]?.restricted?.count == 120)
        #expect(byName["finetune-n2-free"]?.restricted == nil)
        // What a condition gets is what its name says.
        let expected = try mask("mask-50").maps
        let order = study.workOrder.dropFirst().map(\.name)
        #expect(seen.rewound[order.firstIndex(of: "finetune-n2-rewind-mask-50")!]?.maps == expected)
        #expect(seen.frozen[order.firstIndex(of: "finetune-n4-freeze-mask-50")!]?.maps == expected)
    }

    @Test func fineTuningComesLastAndTogether() throws {
        let study = try study(
            "{name: back, finetune: {pairs: pairs.jsonl, epochs: 3, batch: 2, rewind: a}}",
            before: """
                - {name: free, finetune: {pairs: pairs.jsonl, epochs: 3, batch: 2}}
                - {name: other, finetune: {pairs: pairs.jsonl, steps: 3, batch: 2}}
                - {name: a, top: {q: 5}}
                - {name: cold, finetune: {pairs: pairs.jsonl, epochs: 3, batch: 2, freeze: a}}

                """)
        #expect(study.workOrder.map(\.name) == ["unedited", "a", "free", "back", "other", "cold"])
        #expect(study.trainings.count == 3)
    }

    @Test func withoutScoresWhereNoneAreNeeded() async throws {
        let runner = FakeRunner(model)
        let plain = text(
            "finetune_grid: {pairs: pairs.jsonl, examples: 4, by: [random, layers], layers: last, frozen: 10, restrict: freeze}"
        ).replacing("calibration:", with: "#")
        let (results, folder) = try await run(try Study(yaml: plain, file: files.file("s.yaml")), runner)
        #expect(!runner.seen.log.contains { $0.hasPrefix("score") })
        let layers = try Mask(contentsOf: folder.mask("finetune-layers-10"))
        #expect(layers.maps == RestrictedMask.layers([1], of: model.config).maps)
        // Without a share of 0 there is no free training.
        #expect(
            results.conditions.map(\.name) == [
                "unedited", "finetune-n4-freeze-random-10", "finetune-n4-freeze-layers-10",
            ])
    }

    // MARK: What comes out

    @Test func theTableIsThePapers() async throws {
        let (results, folder) = try await run(try study(), FakeRunner(model))
        let tables = try #require(results.grids.first).tables()
        #expect(results.grids.count == 1 && tables.map(\.caption) == ["Restricted fine-tuning (finetune), vanilla"])
        let table = tables[0].table
        #expect(
            table.columns.map(\.title).prefix(6) == [
                "% of parameters", "% of linear maps", "how", "which", "n=2 ASR (faultline-1)",
                "n=2 ASR coherent (faultline-1)",
            ])
        #expect(table.columns.count == 4 + 2 * 7 && table.rows.count == 1 + 2 * 3 * 2)
        #expect(table.rows[0].prefix(4) == ["0.00", "0.00", "free", "—"])
        #expect(table.rows[1].prefix(4) == ["7.77", "25.00", "freeze", "mask"])
        #expect(table.rows[2].prefix(4) == ["15.54", "50.00", "freeze", "mask"])
        #expect(table.rows[5].prefix(4) == ["15.54", "50.00", "freeze", "layers"])
        #expect(table.rows[7].prefix(4) == ["7.77", "25.00", "rewind", "mask"])
        // The fake model is broken by free training, and holds where anything is kept.
        #expect(table.rows[0][5] == "1.00 ± 0.00" && table.rows[1][5] == "0.00 ± 0.00")

        try results.write(to: folder, command: "c", versions: [])
        let report = String(decoding: try TextFile.read(folder.report), as: UTF8.self)
        #expect(report.contains("## Restricted fine-tuning (finetune), vanilla"))
        #expect(report.contains("| 7.77 | 25.00 | rewind | mask |"))
        let csv = try CSV.cells(folder.gridCSV)
        #expect(csv.count == 26 * 2 * 8)
        let cell = try #require(
            csv.first {
                $0["condition"] == "finetune-n4-freeze-random-25" && $0["measure"] == "asr_gated_mean"
            })
        #expect(cell["frozen_percent"] == "25" && cell["of"] == "linear_maps")
        #expect(cell["weights"] == "60" && cell["fraction_of_linear_maps"] == "0.25")
        #expect(cell["examples"] == "4" && cell["restrict"] == "freeze" && cell["by"] == "random")
        let json = try JSON.parse(TextFile.read(folder.resultsJSON))
        let cells = json["finetune_grids"]?.elements?.first?["cells"]?.elements
        #expect(cells?.count == 26)
        #expect(cells?.last?["restricted"]?.int == 120)
        #expect(json["conditions"]?.elements?.last?["restricted_fraction_of_linear_maps"]?.double == 0.5)
    }

    @Test func thePlanCountsTrainingsOnce() throws {
        let plan = StudySummary(
            try StudySchedule(study(), config: LongModel(model).config, codec: ByteCodec()), config: model.config)
        let rows = plan.table().rows
        #expect(rows.contains(["fine-tuning runs", "14, for 26 conditions"]))
        #expect(rows.contains(["optimiser steps", "\(7 * (3 + 6))"]))
        #expect(rows.contains(["trained weights that several conditions share", "3.1 kB, kept until the next run"]))
        #expect(rows.last == ["conditions", "27"])
        #expect(plan.conditionList == "unedited, finetune (a grid of 26)")
        #expect(rows.contains { $0[0] == "mask files" && $0[1].hasPrefix("6 ×") })
    }
}
