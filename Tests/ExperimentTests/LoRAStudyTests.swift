import Checkpoint
import Datasets
import Experiment
import Foundation
import ModelService
import Planning
import Protocol
import Selection
import StudyFile
import StudyReport
import StudySupport
import Tensors
import TestSupport
import Testing

/// LoRA fine-tuning in a study, and the conditions that begin with it: read, refused, carried out in order, planned.
@Suite struct LoRAStudyTests {
    let files = TemporaryFolder()
    let model = LongModel(MatrixModel(layers: 2))

    init() {
        files.write("harm a\nharm b\n", to: "harmful.txt")
        files.write("kind a\nkind b\n", to: "harmless.txt")
        let pairs = (0..<4).map { #"{"prompt": "p\#($0)", "response": "r\#($0)"}"# }
        files.write(pairs.joined(separator: "\n") + "\n", to: "pairs.jsonl")
    }

    private func study(_ conditions: String, more: String = "") throws(InputError) -> Study {
        try Study(
            yaml: """
                model: m
                seed: 5
                conditions: [unedited, \(conditions)]
                evaluation: {harmful: harmful.txt, harmless: harmless.txt, max_new_tokens: 4, slots: 2}
                \(more)
                """, file: files.file("s.yaml"))
    }

    private static let tuned = "{name: tuned, finetune: {pairs: pairs.jsonl, steps: 2, batch: 2, lora: {rank: 2}}}"

    /// Keeps what is written.
    private final class Exporter: ModelExporter, @unchecked Sendable {
        var edits: [String: any WeightEdit] = [:]
        var adapters: [String: LowRankEdit] = [:]
        func export(_ edit: any WeightEdit, to folder: String) { edits[folder] = edit }
        func exportAdapter(_ edit: LowRankEdit, to folder: String) { adapters[folder] = edit }
        func exportTrained(_: any ModelRunner, rewind: Mask?, provenance: [String: String], to folder: String) {}
    }

    private func run(
        _ study: Study, _ exporter: Exporter? = nil
    ) async throws -> (runner: FakeRunner, folder: RunFolder) {
        let runner = FakeRunner(MatrixModel(layers: 2))
        let folder = try RunFolder(files.file(UUID().uuidString))
        _ = try await StudyRun(
            study, runner: runner, codec: ByteCodec(), model: model, modelDigest: "digest", folder: folder,
            exporter: exporter, cache: nil, announce: { _ in }
        ).run()
        return (runner, folder)
    }

    @Test func itsSettingsAreRead() throws {
        let plain = try study(Self.tuned).conditions[1]
        #expect(
            plain.fineTune?.lora
                == LoRA(rank: 2, alpha: 8, maps: ["self_attn.q_proj", "self_attn.v_proj"], seed: 0))
        #expect(plain.fineTune?.parameters == .linear)
        #expect(plain.title == "fine-tuned, 2 steps × 2, lr 5e-05, LoRA of rank 2, alpha 8, beside q, v")
        let full = try study(
            "{finetune: {pairs: p, epochs: 1, lora: {rank: 4, alpha: 16, maps: [down, o], dropout: no}}}")
        #expect(full.conditions[1].fineTune?.lora?.maps == ["self_attn.o_proj", "mlp.down_proj"])
        let repairs = try study(
            "\(Self.tuned), {safe_lora: {of: tuned, base: b, tau: [0.25, 0.5]}}, {antidote: {of: tuned, pairs: pairs.jsonl}}"
        ).conditions.dropFirst(2)
        #expect(repairs.map(\.name) == ["safe_lora-tau0.25", "safe_lora-tau0.5", "antidote"])
        #expect(repairs.first?.title == "Safe LoRA of tuned, cosine at most 0.25")
        #expect(repairs.last?.title == "Antidote on tuned, 10 % of every row of the merged weights")
    }

    @Test(arguments: [
        ("{finetune: {pairs: p, steps: 1, lora: {rank: 2}, freeze: x}}", "freeze goes not with lora"),
        ("{finetune: {pairs: p, steps: 1, lora: {rank: 2}, rewind: x}}", "rewind goes not with lora"),
        ("{finetune: {pairs: p, steps: 1, lora: {rank: 2}, parameters: all}}", "parameters goes not with lora"),
        ("{finetune: {pairs: p, steps: 1, lora: {dropout: 0.1}}}", "lora.dropout = 0.1 is unknown (known: no)"),
        ("{finetune: {pairs: p, steps: 1, lora: {rank: 0}}}", "lora.rank = 0 is out of range"),
        ("{finetune: {pairs: p, steps: 1, lora: {maps: [w]}}}", "lora.maps = w is unknown"),
        ("{finetune: {pairs: p, steps: 1, lora: {maps: [q, q]}}}", "lora.maps has q twice"),
        ("{finetune_grid: {pairs: p, lora: {rank: 2}}}", "lora"),
        ("{safe_lora: {of: tuned, base: b}}", "safe_lora.of = tuned is no earlier condition"),
        ("{antidote: {of: unedited, pairs: p}}", "antidote.of = unedited is no earlier condition"),
        ("{task_vector: {of: tuned, from: x}}", "task_vector.of = tuned is no earlier condition"),
        ("{task_vector: {from: unedited}}", "task_vector.from = unedited is no earlier condition"),
        ("{task_vector: {scale: 1}}", "task_vector.from names the same model as to"),
    ]) func whatItDoesNotKnowIsRefused(_ condition: String, _ words: String) {
        let error = #expect(throws: InputError.self) { try study(condition) }
        #expect(error?.fault.contains(words) == true, "\(error?.description ?? "")")
    }

    @Test func whatGoesNotTogetherIsRefused() {
        for (repair, words) in [
            ("{safe_lora: {of: tuned, base: b, tau: 0.5, layers: 3}}", "layers goes not with tau"),
            ("{antidote: {of: tuned, pairs: p, percent: 101}}", "percent"),
        ] {
            let error = #expect(throws: InputError.self) { try study("\(Self.tuned), \(repair)") }
            #expect(error?.fault.contains(words) == true, "\(error?.description ?? "")")
        }
        let down = "{name: d, finetune: {pairs: p, steps: 1, lora: {maps: [down]}}}"
        let error = #expect(throws: InputError.self) {
            try study("\(down), {antidote: {of: d, pairs: p, on: factors}}")
        }
        #expect(error?.fault.contains("second moments of its inputs are not collected") == true)
    }

    /// Heads that are wider together than the residual stream, as in Qwen3: known before the training.
    @Test func factorsOfAMapWithMoreInputsThanOutputsAreRefusedBeforeWork() throws {
        let tuned = "{name: t, finetune: {pairs: pairs.jsonl, steps: 1, lora: {maps: [q, o]}}}"
        let study = try study("\(tuned), {name: a, antidote: {of: t, pairs: pairs.jsonl, on: factors}}")
        var config = MatrixModel(layers: 2).config
        config.headDim = config.hiddenSize / config.headCount
        #expect(throws: Never.self) { try study.check(config) }
        config.headDim *= 2
        let error = #expect(throws: InputError.self) { try study.check(config) }
        #expect(
            error?.fault.contains("matrices beside o: with more inputs than outputs") == true, "\(error?.fault ?? "")")
        let merged = try self.study("\(tuned), {name: a, antidote: {of: t, pairs: pairs.jsonl}}")
        #expect(throws: Never.self) { try merged.check(config) }
    }

    @Test func theTrainedMatricesAreAnEditAndAnAdapter() async throws {
        let exporter = Exporter()
        let done = try await run(try study(Self.tuned, more: "export: [tuned]"), exporter)
        let training = try #require(done.runner.seen.trainings.first)
        #expect(training.lora?.seed == 5 && training.parameters == .linear && training.steps.count == 2)
        let file = try LowRankEdit(contentsOf: done.folder.edit("tuned"))
        // Two layers, q and v; B is times alpha / rank = 4.
        #expect(file.maps.count == 4 && file.maps.allSatisfy { $0.rank == 2 && $0.left.floats.allSatisfy { $0 == 4 } })
        #expect(exporter.adapters[done.folder.adapter("tuned")]?.rank == 8)
        #expect(exporter.edits[done.folder.model("tuned")] is LowRankEdit)
    }

    /// RESTA: 0.5 × (the model − other) on the tuned one. It waits for both trainings.
    @Test func aTaskVectorIsMadeOfTheStudysOwnConditions() async throws {
        let other =
            "{name: other, finetune: {pairs: pairs.jsonl, steps: 1, batch: 2, lora: {rank: 3, alpha: 3, maps: [v]}}}"
        let study = try study(
            """
            \(Self.tuned), {name: early, task_vector: {of: tuned, from: tuned}}, \(other), \
            {name: resta, task_vector: {of: tuned, from: other, scale: [0, 0.5]}}
            """)
        #expect(
            study.workOrder.map(\.name) == ["unedited", "tuned", "early", "other", "resta-scale0", "resta-scale0.5"])
        #expect(study.conditions.last?.title == "0.5 × (the model − other) added to tuned")
        let done = try await run(study)
        let tuned = try LowRankEdit(contentsOf: done.folder.edit("tuned"))
        let whole = try LowRankEdit(contentsOf: done.folder.edit("resta-scale0.5"))
        let value = "model.layers.0.self_attn.v_proj.weight"
        #expect(whole[value]?.rank == 5 && whole.rank == tuned.rank + 2 * 3)
        let left = try #require(whole[value]?.left.floatArray())
        #expect(left.prefix(2).allSatisfy { $0 == 4 } && left[2..<5].allSatisfy { $0 == -0.5 })
        let none = try LowRankEdit(contentsOf: done.folder.edit("resta-scale0"))
        for map in none.maps { #expect(map.left.byteArray() == tuned[map.shape.name]?.left.byteArray()) }
    }

    @Test func aSecondRunTrainsNothing() async throws {
        let study = try study("\(Self.tuned), {name: twice, task_vector: {of: tuned, to: tuned}}")
        let first = try await files.carryOut(
            study, FakeRunner(MatrixModel(layers: 2)), model: model, in: "one", cached: true)
        let second = try await files.carryOut(
            study, FakeRunner(MatrixModel(layers: 2)), model: model, in: "two", cached: true)
        #expect(first.runner.seen.runs == 1 && second.runner.seen.runs == 0)
        #expect(!second.runner.seen.log.contains { $0.hasPrefix("generate") })
        for name in ["tuned", "twice"] {
            let bytes = try Digest.sha256(file: second.folder.edit(name))
            #expect(try Digest.sha256(file: first.folder.edit(name)) == bytes)
        }
    }

    @Test func whatBeginsWithATrainedModelComesAfterIt() async throws {
        let antidote = "{antidote: {of: tuned, pairs: pairs.jsonl, samples: 3, percent: 50}}"
        let study = try study("\(Self.tuned), \(antidote)")
        #expect(study.workOrder.map(\.name) == ["unedited", "tuned", "antidote"])
        let done = try await run(study)
        let pruned = try #require(done.runner.seen.all["antidote"] as? PrunedLowRank)
        for map in pruned.mask.maps {
            for row in 0..<map.shape.rows {
                let chosen = (0..<map.shape.columns).count { map.bits[row * map.shape.columns + $0] }
                #expect(chosen == map.shape.columns / 2)
            }
        }
        let file = try PrunedLowRank(
            bundle: try TensorBundle(safetensors: done.folder.edit("antidote")), source: "file")
        #expect(file.mask.count == pruned.mask.count && file.edit.metadata["condition"] == "antidote")
        // The pairs are scored on the fine-tuned model.
        #expect(done.runner.seen.all["tuned"] is LowRankEdit)
    }

    /// The weights' own gradients are not computed, and what the harmful pairs light up is collected block by block.
    @Test func aPlanCountsTrainingAndRepair() throws {
        let study = try study("\(Self.tuned), {antidote: {of: tuned, pairs: pairs.jsonl, samples: 3}}")
        let steps = try files.work(study, model: model).steps
        let training = try #require(steps.first { $0.label == "tuned: fine-tuning" })
        #expect(training.kind == .lowRankTraining)
        let cost = ModelCost(model.config)
        var rates = Rates(flops: 1, pipelines: 1, bytes: 0)
        rates.gradients = 1
        let scored = training.tasks.reduce(0) { $0 + $1.scored }
        #expect(
            rates.seconds(training, cost)
                == 4 * cost.linear * Double(training.tokens) + 4 * cost.head * Double(scored))
        let collecting = try #require(steps.first { $0.label == "antidote: harmful data" })
        #expect(collecting.kind == .collecting && collecting.tasks.count == 1)
        #expect(collecting.bytes == InputSquares().byteCount(model.config))
        #expect(collecting.collected?.statistic is InputSquares)
        let phases = MemoryPrediction(
            try StudySchedule(study, config: model.config, codec: ByteCodec()), config: model.config,
            workers: .init(count: 1, threads: 1, memoryBytes: 1 << 30), fileBytes: 0, work: Work(steps)
        ).phases()
        #expect(Set(phases.map(\.name)) == ["answers and likelihoods", "fine-tuning", "harmful data"])
    }

    /// q 4 × 4 and v 2 × 4 of two layers, a bit each.
    @Test func thePlansDiskHoldsTheMaskOfARepair() throws {
        func masks(_ settings: String) throws -> Int? {
            let study = try study("\(Self.tuned), {antidote: {of: tuned, pairs: pairs.jsonl\(settings)}}")
            return try files.disk(study, model: model).kept.first { $0.name == "masks" }?.bytes
        }
        #expect(try masks("") == 2 * (16 + 8) / 8)
        #expect(try masks(", on: factors") == nil)
    }
}
