package import ArgumentParser
import Checkpoint
package import Console
import Datasets
import Experiment
import Launch
import ModelService
import OutputFiles
package import Protocol
package import Selection
import StudyFile

package struct ScoreCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "score", abstract: "Scores every weight of the linear maps on a set of pairs.")

    @OptionGroup package var model: ModelOptions
    @OptionGroup package var fleet: FleetOptions
    @OptionGroup package var batches: BatchOptions
    @OptionGroup package var reading: DataOptions

    @Option(help: ArgumentHelp("Pairs: JSON lines, JSON, CSV or TSV with prompt and response.", valueName: "file"))
    package var data: String?

    @Option(help: "How weights are scored.")
    package var method: ScoreMethod

    @Option(help: "For snip: the mean over response tokens or their sum.")
    package var loss: Loss = .mean

    @Option(help: ArgumentHelp("Pairs drawn from the file; by default all.", valueName: "n"))
    package var samples: Int?

    @Option(help: ArgumentHelp("The score file.", valueName: "file"))
    package var out: String

    package init() {}

    package func validate() throws {
        if method.needsData, data == nil { throw ValidationError("--method \(method.rawValue) needs --data PAIRS") }
        if !method.needsData, data != nil {
            throw ValidationError("--method \(method.rawValue) looks at no data: leave out --data")
        }
        if !method.needsData, samples != nil { throw ValidationError("--samples goes with --data") }
    }

    package func run() async throws {
        var outputs = Outputs(model: model.model, reading: [data, fleet.keys])
        let out = try outputs.file("--out", out, standard: "scores.safetensors", beside: [".folded"])
        try fleet.check(&outputs)
        let store = { (checkpoint: Checkpoint, codec: ChatCodec?, kernels: String?) in
            ScoreComputation(
                model: checkpoint, settings: Study.Scores(method: method, loss: loss), seed: batches.seed,
                modelDigest: try checkpoint.digest(), modelName: checkpoint.shortName,
                codec: codec, kernels: kernels)
        }
        guard method.needsData, let data else {
            try store(try model.checkpoint(), nil, nil).scoreWithoutData(to: out)
            return
        }
        let (checkpoint, codec) = try model.open()
        let pairs = try Sampling.sample(
            try reading.files(codec).pairs(data), count: samples, seed: batches.seed, name: "data", source: data)
        // Before a fleet is started for nothing.
        _ = try Calibration.groups(pairs, codec: codec)
        try await RunnerFactory.with(fleet, checkpoint) { runner in
            try await runner.apply(nil)
            try await store(checkpoint, codec, runner.kernels).score(
                [ScoreComputation.Job(name: "data", pairs: pairs, output: out)], runner: runner, codec: codec,
                blockExamples: batches.blockExamples, batchTokens: batches.batchTokens)
        }
    }
}
