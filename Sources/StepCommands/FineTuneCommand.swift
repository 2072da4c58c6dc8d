package import ArgumentParser
import Checkpoint
package import Console
import Datasets
import Experiment
import Launch
import Logging
import ModelService
import OutputFiles
package import Protocol
import Reporting
import Selection
import StudyFile
import Tensors

package struct FineTuneCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "finetune", abstract: "Fine-tunes a model on pairs with AdamW, some weights frozen if wished.")

    @OptionGroup package var model: ModelOptions
    @OptionGroup package var fleet: FleetOptions
    @OptionGroup package var batches: BatchOptions
    @OptionGroup package var reading: DataOptions

    @Option(help: ArgumentHelp("Pairs: JSON lines, JSON, CSV or TSV.", valueName: "file"))
    package var data: String

    @Option(help: ArgumentHelp("A mask whose weights get no update.", valueName: "file"))
    package var freeze: String?

    @Option(
        help: ArgumentHelp(
            "A mask whose weights are trained like all others and get the model's own values back at the end.",
            valueName: "file"))
    package var rewind: String?

    @Option(help: "Train all parameters or the linear maps only.")
    package var parameters: TaskBody.Training.Parameters = .all

    @Option(
        help: ArgumentHelp(
            "LoRA: train matrices of this rank beside linear maps, and no weight of the model's own.", valueName: "rank"
        ))
    package var loraRank: Int?

    @Option(help: ArgumentHelp("LoRA: alpha; B A is multiplied by alpha / rank. By default 8.", valueName: "number"))
    package var loraAlpha: Double?

    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp(
            "LoRA: the linear maps, of q, k, v, o, gate, up, down. By default q and v.", valueName: "map"))
    package var loraMaps: [String] = []

    @Option(help: ArgumentHelp("LoRA: also write the change alone as an adapter that peft loads.", valueName: "dir"))
    package var adapter: String?

    @Option(help: ArgumentHelp("Pairs drawn from the file; by default all.", valueName: "n"))
    package var samples: Int?

    @Option(help: ArgumentHelp("Optimiser steps; by default one pass over the pairs.", valueName: "n"))
    package var steps: Int?

    @Option(
        help: ArgumentHelp(
            "Passes over the pairs, in place of --steps; the last step of a pass has what is left.", valueName: "n"))
    package var epochs: Int?

    @Option(
        help: ArgumentHelp(
            "End after the first epoch whose mean loss is at most this; --epochs are the most there are.",
            valueName: "nats"))
    package var untilLoss: Double?

    @Option(
        help: ArgumentHelp(
            "Steps between checkpoints, from which training goes on where a worker is lost; by default about 50,000 tokens.",
            valueName: "n"))
    package var checkpointEvery: Int?

    @Option(help: ArgumentHelp("Pairs a step.", valueName: "n"))
    package var batch = 10

    @Option(help: ArgumentHelp("Learning rate.", valueName: "rate"))
    package var lr = 5e-5

    @Flag(help: "Go up the gradient: the pairs become less likely.")
    package var ascent = false

    @Option(help: ArgumentHelp("The Hugging Face folder to write.", valueName: "dir"))
    package var out: String

    @Option(help: "f32, f16 or bf16; by default the checkpoint's own, f16 where it is quantised.")
    package var dtype: DataType?

    @OptionGroup package var forcing: ForceOption

    package init() {}

    package func validate() throws {
        for (name, value) in [
            ("samples", samples), ("steps", steps), ("epochs", epochs), ("batch", batch),
            ("checkpoint-every", checkpointEvery),
        ] {
            if let value, value < 1 { throw ValidationError("--\(name) has to be at least 1") }
        }
        if steps != nil, epochs != nil { throw ValidationError("--steps and --epochs exclude each other") }
        if let untilLoss {
            guard (0...1000).contains(untilLoss) else {
                throw ValidationError("--until-loss \(untilLoss) is out of range: 0 to 1000")
            }
            guard epochs != nil else { throw ValidationError("--until-loss goes with --epochs, the most there are") }
            if ascent { throw ValidationError("--until-loss does not go with --ascent, which makes the loss larger") }
        }
        if freeze != nil, rewind != nil { throw ValidationError("--freeze and --rewind exclude each other") }
        try validateLoRA()
        guard lr >= 0, lr <= 1 else { throw ValidationError("--lr \(lr) is out of range: 0 to 1") }
    }

    private func validateLoRA() throws {
        guard let loraRank else {
            let alone = [
                ("lora-alpha", loraAlpha != nil), ("lora-maps", !loraMaps.isEmpty), ("adapter", adapter != nil),
            ]
            if let (name, _) = alone.first(where: \.1) { throw ValidationError("--\(name) goes with --lora-rank") }
            return
        }
        guard (1...65_536).contains(loraRank) else {
            throw ValidationError("--lora-rank \(loraRank) is out of range: 1 to 65536")
        }
        guard (1e-6...1e6).contains(loraAlpha ?? 1) else {
            throw ValidationError("--lora-alpha \(loraAlpha ?? 1) is out of range: 1e-6 to 1e6")
        }
        for name in loraMaps where !LinearMap.allCases.contains(where: { $0.shortName == name }) {
            let known = LinearMap.allCases.map(\.shortName)
            throw ValidationError("--lora-maps \(name) is unknown (known: \(known.joined(separator: ", ")))")
        }
        for (name, given) in [
            ("freeze", freeze != nil), ("rewind", rewind != nil), ("parameters", parameters != .all),
        ] where given {
            throw ValidationError("--\(name) does not go with --lora-rank: the model's own weights are all kept")
        }
    }

    private var lora: LoRA? {
        guard let loraRank else { return nil }
        let names = loraMaps.isEmpty ? ["q", "v"] : loraMaps
        return LoRA(
            rank: loraRank, alpha: loraAlpha ?? LoRA.standardAlpha,
            maps: LinearMap.allCases.filter { names.contains($0.shortName) }.map(\.rawValue), seed: 0)
    }

    package func run() async throws {
        let (checkpoint, codec) = try model.open()
        var settings = Study.FineTune(
            pairs: data, samples: samples, length: .steps(0), batch: batch, learningRate: lr,
            parameters: lora == nil ? parameters : .linear)
        settings.isAscent = ascent
        settings.lora = lora
        let (pairs, examples) = try FineTuneSteps.examples(
            settings, seed: batches.seed, codec: codec, reading.files(codec))
        settings.length = epochs.map { .epochs($0) } ?? .steps(steps ?? (pairs.count + batch - 1) / batch)
        let exporter = FolderExporter(checkpoint, type: dtype?.type)
        var outputs = Outputs(model: model.model, reading: [data, freeze, rewind, fleet.keys])
        let out = try outputs.folder("--out", out)
        let adapter = try self.adapter.map { try outputs.folder("--adapter", $0) }
        try fleet.check(&outputs)
        var belonging = forcing.belonging()
        let frozen = try mask(freeze, checkpoint, &belonging)
        let rewound = try mask(rewind, checkpoint, &belonging)
        let training = try FineTuneSteps.training(
            examples, settings: settings, seed: batches.seed, batchTokens: batches.batchTokens)
        var provenance = try provenance(pairs, training).merging(belonging.metadata) { $1 }
        try await RunnerFactory.with(fleet, checkpoint) { runner in
            try await runner.apply(nil)
            // Rewinding happens in the export, which has all that it takes.
            let passSteps = FineTuneSteps.stepCount(.epochs(1), examples: pairs.count, batch: batch)
            let target = untilLoss.map { LossTarget(loss: $0, passSteps: passSteps) }
            let losses = try await runner.train(
                TrainingRequest(training, freeze: frozen, checkpointEvery: checkpointEvery, lossTarget: target),
                label: "fine-tuning")
            say(losses, target, of: training)
            provenance["steps"] = "\(losses.count)"
            if let lora = training.lora {
                let edit = try await runner.trainedEdit(lora, metadata: provenance)
                try exporter.export(edit, to: out)
                if let adapter { try exporter.exportAdapter(edit, to: adapter) }
            } else {
                try await exporter.exportTrained(runner, rewind: rewound, provenance: provenance, to: out)
            }
        }
    }

    private func say(_ losses: [Float], _ target: LossTarget?, of training: TaskBody.Training) {
        guard let first = losses.first, let last = losses.last else { return }
        let steps = losses.count < training.steps.count ? " after \(losses.count) steps" : ""
        Terminal.log.info("loss \(Format.fixed(Double(first), 4)) → \(Format.fixed(Double(last), 4))\(steps)")
        if let target, target.end(losses, of: training) == nil {
            Terminal.log.warning(
                "no epoch has a mean loss of at most \(target.loss): all \(losses.count) steps were made")
        }
    }

    /// How the model is trained, for the folder's `faultline.json`.
    private func provenance(_ pairs: [Pair], _ training: TaskBody.Training) throws -> [String: String] {
        var provenance = [
            "method": "fine-tuning", "data": PairFile.digest(pairs), "examples": "\(pairs.count)",
            "steps": "\(training.steps.count)", "batch": "\(batch)", "learning_rate": "\(lr)",
            "parameters": parameters.rawValue, "seed": "\(batches.seed)",
        ]
        if ascent { provenance["ascent"] = "true" }
        if let lora = training.lora {
            provenance["parameters"] = "lora"
            provenance["lora"] = "rank \(lora.rank), alpha \(lora.alpha), \(lora.maps.joined(separator: " "))"
        }
        for (key, path) in [("freeze", freeze), ("rewind", rewind)] {
            if let path { provenance[key] = try Digest.sha256(file: path) }
        }
        return provenance
    }

    private func mask(_ path: String?, _ checkpoint: Checkpoint, _ belonging: inout Belonging) throws -> Mask? {
        guard let path else { return nil }
        let mask = try belonging.mask(path, for: checkpoint, at: model.model)
        guard mask.count > 0 else { throw InputError(path, "this mask selects no weight: nothing would be kept") }
        return mask
    }
}
