import Checkpoint
import Experiment
import Foundation
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

/// The landscape, merges and task vectors as conditions: read, refused, made, exported, reported.
@Suite struct LandscapeStudyTests {
    let files = TemporaryFolder()
    let model: Checkpoint

    init() throws {
        files.write("harm a\nharm b\n", to: "harmful.txt")
        model = try Checkpoint.open(TinyModel.fixture)
        try write("other", plus: 0.5)
        try write("base", plus: -0.25)
    }

    /// The model with a number added to every weight.
    private func write(_ name: String, plus number: Float) throws {
        try HuggingFaceExport(checkpoint: model, type: .f32).write(to: files.file(name)) { [model] name, rows, values in
            try model.read(name, rows: rows, into: values)
            let columns = model.shape(of: name)!.dropFirst().reduce(1, *)
            for index in 0..<rows.count * columns { values[index] += number }
        }
    }

    private func study(_ conditions: String, more: String = "") throws(InputError) -> Study {
        try Study(
            yaml: """
                model: m
                seed: 9
                conditions: [unedited, \(conditions)]
                evaluation: {harmful: harmful.txt, max_new_tokens: 4, slots: 2}
                \(more)
                """, file: files.file("s.yaml"))
    }

    private func run(_ study: Study, in folder: String) async throws -> (
        runner: FakeRunner, folder: RunFolder, results: StudyResults
    ) {
        try await files.carryOut(
            study, FakeRunner(MatrixModel(layers: 2)), model: model, in: folder, exporter: FolderExporter(model))
    }

    private func values(_ path: String, _ name: String) throws -> [Float] {
        let source = try Checkpoint.open(path)
        let shape = try #require(source.shape(of: name))
        let buffer = AlignedBuffer(floats: shape.reduce(1, *))
        try source.read(name, rows: 0..<shape[0], into: buffer.floats.baseAddress!)
        return buffer.floatArray()
    }

    private let weight = LinearMap.up.weightName(layer: 1)
    private let norm = "model.norm.weight"

    @Test func aLandscapesSettingsAreRead() throws {
        let conditions = try study("{landscape: {seed: [1, 2], alpha: [-0.5, 0.5]}}").conditions.dropFirst()
        #expect(
            conditions.map(\.name) == [
                "landscape-seed1-alpha-0.5", "landscape-seed1-alpha0.5", "landscape-seed2-alpha-0.5",
                "landscape-seed2-alpha0.5",
            ])
        #expect(conditions.last?.title == "all weights moved by 0.5 along random (seed 2)")
        let plane = try study("{landscape: {alpha: 1, beta: [0, 1], second_direction: d.st, orthogonal: true}}")
        let method = try #require(plane.conditions.last?.method as? LandscapeMethod)
        #expect(
            method.title == "all weights moved by 1 and 1 along random (the study's seed) and d.st, made orthogonal")
        #expect(method.coordinates.map(\.name) == ["alpha", "beta"] && method.files == [files.file("d.st")])
        let raw = try study("{landscape: {alpha: 1, direction: d.st, normalise: none}}").conditions.last?.method
        #expect(raw?.title == "all weights moved by 1 along d.st, as it is")
    }

    @Test(arguments: [
        ("{landscape: {beta: 1}}", "landscape.alpha is missing"),
        ("{landscape: {alpha: far}}", "landscape.alpha has to be a number"),
        ("{landscape: {alpha: 1, orthogonal: true}}", "landscape.orthogonal is about a second direction"),
        ("{landscape: {alpha: 1, normalise: none}}", "landscape.normalise = none goes with directions"),
        ("{landscape: {alpha: 1, direction: d, seed: 1}}", "landscape.seed is about random directions"),
        ("{merge: {t: 1}}", "merge.with is missing"),
        ("{merge: {with: other}}", "merge.t is missing"),
        ("{delta: {from: other}}", "delta.to is missing"),
        ("{delta: {to: model}}", "delta.to is the checkpoint that from names"),
        ("{delta: {to: other, keep: {seed: 1}}}", "delta.keep.seed goes with share"),
        ("{delta: {to: other, keep: {share: 1.5}}}", "delta.keep.share = 1.5 is out of range"),
        ("{delta: {to: other, keep: {mask: nobody}}}", "delta.keep.mask = nobody is no earlier condition with a mask"),
        ("{name: m, merge: {with: other, t: 1}, order: sequential}", "order = sequential goes with what data decide"),
    ]) func whatItDoesNotKnowIsRefused(_ condition: String, _ words: String) {
        let error = #expect(throws: InputError.self) { try study(condition) }
        #expect(error?.fault.contains(words) == true, "\(error?.description ?? "")")
    }

    @Test(arguments: [
        ("{merge: {with: nowhere, t: 1}}", "nowhere"),
        ("{merge: {with: wide, t: 1}}", "wide: model.embed_tokens.weight: shape"),
        ("{delta: {to: other, from: wide}}", "wide: model.embed_tokens.weight: shape"),
        ("{landscape: {alpha: 1, direction: none.safetensors}}", "none.safetensors"),
        (
            "{landscape: {alpha: 1, direction: other/model.safetensors, beta: 1, second_direction: harmful.txt}}",
            "harmful"
        ),
    ]) func filesAreReadBeforeAnyWork(_ condition: String, _ words: String) throws {
        let tied = URL(fileURLWithPath: TinyModel.fixture).deletingLastPathComponent().path + "/llama_gqa_llama3_tied"
        try FileManager.default.copyItem(atPath: tied, toPath: files.file("wide"))
        let study = try study(condition)
        #expect { try study.check(model.config) } throws: { "\($0)".contains(words) }
    }

    @Test func aMergeIsExportedAndItsEndsAreTheCheckpoints() async throws {
        let done = try await run(
            try study("{merge: {with: other, t: [0, 0.5, 1]}}", more: "export: [merge-t0.5, merge-t1]"), in: "run")
        #expect(done.runner.seen.all["merge-t0"] == nil, "it is the checkpoint")
        #expect(done.results.conditions[1].remark == .changesNothing("its scale is 0"))
        for name in [weight, norm] {
            let (w, a) = (try values(TinyModel.fixture, name), try values(files.file("other"), name))
            let half = zip(w, a).map { Float(Double($0) + 0.5 * (Double($1) - Double($0))) }
            #expect(try values(done.folder.model("merge-t0.5"), name) == half)
            #expect(try values(done.folder.model("merge-t1"), name) == a)
        }
        // The run's file names the other checkpoint and its content, and holds none of its weights.
        let bundle = try TensorBundle(safetensors: done.folder.edit("merge-t0.5"))
        #expect(bundle.entries.map(\.name) == ["term.0.scale", "term.0.to.digests"])
        #expect(bundle.metadata["term.0.to"] == files.file("other") && bundle.metadata["condition"] == "merge-t0.5")
    }

    @Test func aTaskVectorIsTheDifferenceOfTwoCheckpoints() async throws {
        let done = try await run(
            try study(
                "{delta: {to: other, from: base, scale: [2]}}, {name: kept, delta: {to: other, keep: {share: 0.5}}}",
                more: "export: [delta-scale2, kept]"), in: "run")
        let w = try values(TinyModel.fixture, norm)
        let (a, b) = (try values(files.file("other"), norm), try values(files.file("base"), norm))
        #expect(
            try values(done.folder.model("delta-scale2"), norm)
                == w.indices.map { Float(Double(w[$0]) + 2 * (Double(a[$0]) - Double(b[$0]))) })
        let own = try values(TinyModel.fixture, weight)
        let other = try values(files.file("other"), weight)
        let kept = try values(done.folder.model("kept"), weight)
        let draws = RandomStream(seed: 9, name: "keep 0 \(weight)")
        #expect(kept == own.indices.map { draws.double($0) < 0.5 ? other[$0] : own[$0] })
        #expect(
            done.results.conditions.map(\.method).dropFirst() == [
                "2 × (other − base) added", "1 × (other − the model) added, 50 % at random",
            ])
    }

    private func scores(_ name: String, seed: UInt64, of owner: String? = nil) throws {
        try ScoreFile.write(
            WeightScores.random(maps: WeightScores.maps(of: model.config), seed: seed), to: files.file(name),
            metadata: try owner.map { ["model": try Checkpoint.open(files.file($0)).digest()] } ?? [:])
    }

    private static let patching =
        "safe_patching: {ascent: other, descent: base, ascent_scores: s1, descent_scores: s2, a: 30, b: 20, share: 50, beta: 0.5"

    @Test func safePatchingAddsWhatMattersToOnePatchAlone() async throws {
        try scores("s1", seed: 1, of: "other")
        try scores("s2", seed: 2)
        let done = try await run(
            try study(
                "{\(Self.patching)}}, {name: nothing, \(Self.patching), alpha: 0, beta: 0}}".replacing(
                    "beta: 0.5, alpha", with: "alpha"), more: "export: [safe_patching]"), in: "run")
        let edit = try #require(done.runner.seen.all["safe_patching"] as? WeightDelta)
        let masks = try edit.terms.map { try #require($0.mask) }
        #expect(try masks[0].intersection(masks[1]).count == 0)
        #expect(masks.map(\.sparsity).allSatisfy { $0 > 0.1 && $0 < 0.3 })
        #expect(done.results.conditions[2].remark == .changesNothing("its scale is 0"))
        let (w, a, b) = (
            try values(TinyModel.fixture, weight), try values(files.file("other"), weight),
            try values(files.file("base"), weight)
        )
        let draws = (0...1).map { RandomStream(seed: 9, name: "keep \($0) \(weight)") }
        let patched = w.indices.map { index in
            var sum = 0.0
            for (term, (scale, other)) in [(1.0, a), (0.5, b)].enumerated()
            where masks[term][weight]!.bits[index] && draws[term].double(index) < 0.5 {
                sum += scale * (Double(other[index]) - Double(w[index]))
            }
            return Float(Double(w[index]) + sum)
        }
        #expect(try values(done.folder.model("safe_patching"), weight) == patched)
        // No scores, no patch.
        #expect(try values(done.folder.model("safe_patching"), norm) == values(TinyModel.fixture, norm))
    }

    @Test func aPatchTakesItsOwnScores() throws {
        try scores("s1", seed: 1, of: "base")
        try scores("s2", seed: 2)
        let study = try study("{\(Self.patching)}}")
        #expect { try study.check(model.config) } throws: { "\($0)".contains("score the patched one") }
    }

    @Test func aLandscapeIsACurveWithItsVisage() async throws {
        // The fake model refuses, but for what is called set_difference.
        let done = try await run(
            try study("{landscape: {alpha: [-0.5, 0]}}, {name: set_difference, landscape: {alpha: 0.5}}"), in: "run")
        let edit = try #require(done.runner.seen.all["landscape-alpha-0.5"] as? Perturbation)
        #expect(edit.steps == [.init(.random(seed: 9), factor: -0.5)] && edit.isScaled)
        #expect(done.results.conditions[2].remark == .changesNothing("its factors are 0"))
        let json = try JSON.parse(Array(done.results.json(command: "c", versions: []).utf8))
        let curve = try #require(json["landscapes"]?.elements?.first)
        #expect(curve["measure"]?.string == "asr_mean" && curve["judge"]?.string == "faultline-1")
        #expect(curve["alpha"]?.elements?.count == 3)
        // Of 100, 100 and 0: the text leaves out what is at 100 %, the code does not at an end.
        #expect(curve["visage"]?.double == 100 && curve["visage_code"]?.double == 200.0 / 3)
        let report = done.results.report(command: "c", versions: [])
        let table = try #require(report.tables.first { $0.caption == "Safety landscape" }?.table)
        #expect(table.csv().contains("random (the study's seed)"))
        let figure = try #require(report.figures.first { $0.id == "landscape-1" })
        guard case .points(let plot) = figure.content else {
            Issue.record("no curve")
            return
        }
        #expect(plot.series.count == 1 && plot.series[0].points.map(\.x) == [-0.5, 0, 0.5])
        #expect(plot.series[0].points.map(\.y) == [0, 0, 1])
    }

    @Test func pointsThatAreNotEquidistantHaveNoVisage() async throws {
        let done = try await run(try study("{landscape: {alpha: [-0.5, 0, 1]}}"), in: "run")
        let json = try JSON.parse(Array(done.results.json(command: "c", versions: []).utf8))
        let curve = try #require(json["landscapes"]?.elements?.first)
        #expect(curve["value"]?.elements?.count == 3)
        #expect(curve["visage"]?.double == nil && curve["visage_code"]?.double == nil)
    }

    @Test func aPlaneIsAHeatMapWithoutVisage() async throws {
        let done = try await run(try study("{landscape: {alpha: [0, 1], beta: [0, 1]}}"), in: "run")
        let report = done.results.report(command: "c", versions: [])
        #expect(!report.tables.contains { $0.caption == "Safety landscape" })
        let figure = try #require(report.figures.first { $0.id == "landscape-1" })
        guard case .heatMap(let map) = figure.content else {
            Issue.record("no plane")
            return
        }
        #expect(map.rows == ["0", "1"] && map.columns == ["0", "1"] && map.values == [[0, 0], [0, 0]])
    }

    @Test func aPlanCountsWeightsThatAreMadeAnew() throws {
        let study = try study(
            "{landscape: {alpha: [0, 0.5]}}, {merge: {with: other, t: [0, 0.5]}}, {name: plane, landscape: {alpha: 1, beta: 1}}"
        )
        let steps = try files.work(study, model: model).steps
        let made = steps.filter { $0.kind == .rewriting }
        #expect(made.map(\.label) == ["landscape-alpha0.5: weights", "merge-t0.5: weights", "plane: weights"])
        #expect(made.map(\.tasks.count) == [3, 1, 6])
        // The coordinator chooses no weights, and the checkpoint's own answers are there already.
        #expect(!steps.contains { $0.kind == .selection })
        #expect(steps.filter { ["landscape-alpha0", "merge-t0"].contains($0.condition) }.allSatisfy { $0.isKnown })
        #expect(steps.contains { $0.label == "merge-t0.5: answers" && !$0.isKnown })
        let cost = ModelCost(model.config)
        let rates = Rates(flops: 1e9, pipelines: 1, bytes: 0)
        #expect(rates.seconds(made[1], cost) == rates.load + cost.rewriting / rates.forward)
        #expect(rates.seconds(made[2], cost) > rates.seconds(made[0], cost))
    }

    /// Both other checkpoints are mapped beside the model.
    @Test func aPlansMemoryHoldsTheOtherCheckpoints() throws {
        func bytes(_ conditions: String) throws -> Int {
            let study = try study(conditions)
            let phases = MemoryPrediction(
                try StudySchedule(study, config: model.config, codec: ByteCodec()), config: model.config,
                workers: .init(count: 1, threads: 1, memoryBytes: 1 << 40), fileBytes: model.fileBytes,
                work: try files.work(study, model: model)
            ).phases()
            return try #require(phases.first { $0.name == "answers and likelihoods" }).bytes
        }
        let others = try Checkpoint.open(files.file("other")).fileBytes + Checkpoint.open(files.file("base")).fileBytes
        let plain = try bytes("{steer: {vectors: v.safetensors}}")
        #expect(try bytes("{delta: {to: other, from: base}}") == plain + others)
        #expect(try bytes("{delta: {to: other, from: base, scale: 0}}") == plain)
    }
}
