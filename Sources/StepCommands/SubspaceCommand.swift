package import ArgumentParser
import Checkpoint
package import Console
import Datasets
import Experiment
import Launch
import Logging
import ModelService
import OutputFiles
package import Selection
import StudyFile
import Tensors

#if canImport(Glibc)
    import Glibc
#endif

package struct SubspaceCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "subspace",
        abstract: "Finds the directions of a data set in every linear map's outputs, and makes edits of them.",
        subcommands: [Find.self, EditCommand.self])

    package init() {}

    package struct Find: AsyncParsableCommand {
        package static let configuration = CommandConfiguration(
            commandName: "find", abstract: "The left singular vectors of W X for every linear map (ActSVD).")

        @OptionGroup package var model: ModelOptions
        @OptionGroup package var fleet: FleetOptions
        @OptionGroup package var batches: BatchOptions
        @OptionGroup package var reading: DataOptions

        @Option(help: ArgumentHelp("Pairs: JSON lines, JSON, CSV or TSV with prompt and response.", valueName: "file"))
        package var data: String

        @Option(help: ArgumentHelp("Pairs drawn from the file; by default all.", valueName: "n"))
        package var samples: Int?

        @Option(
            help: ArgumentHelp(
                "Most directions of a map: a number, or a share of its rank as in 2.5%. Default: all that the data shows.",
                valueName: "r"))
        package var rank: RankAmount?

        @Option(help: ArgumentHelp("The subspace file.", valueName: "file"))
        package var out: String

        @Option(help: ArgumentHelp("Keep the second moments in this file.", valueName: "file"))
        package var moments: String?

        package init() {}

        package func validate() throws {
            if let samples, samples < 1 { throw ValidationError("--samples has to be at least 1") }
        }

        package func run() async throws {
            let (checkpoint, codec) = try model.open()
            let pairs = try Sampling.sample(
                try reading.files(codec).pairs(data), count: samples, seed: batches.seed, name: "data", source: data)
            // Before a fleet is started for nothing.
            _ = try Calibration.groups(pairs, codec: codec)
            if let rank {
                for map in WeightScores.maps(of: checkpoint.config) { _ = try rank.count(in: map, name: "--rank") }
            }
            let digest = try checkpoint.digest()
            var outputs = Outputs(model: model.model, reading: [data, fleet.keys])
            let out = try outputs.file("--out", out, standard: "subspaces.safetensors")
            let keep = try outputs.file("--moments", moments, standard: "moments.safetensors", beside: [".folded"])
            try fleet.check(&outputs)
            let moments = keep ?? "\(out).moments-\(getpid())"
            defer { if keep == nil { Files.removeFile(moments) } }
            try await RunnerFactory.with(fleet, checkpoint) { runner in
                let store = ScoreComputation(
                    model: checkpoint, settings: Study.Scores(), seed: batches.seed, modelDigest: digest,
                    modelName: checkpoint.shortName, codec: codec, kernels: runner.kernels)
                try await runner.apply(nil)
                try await store.score(
                    [ScoreComputation.Job(name: "data", pairs: pairs, output: nil, moments: moments)], runner: runner,
                    codec: codec, blockExamples: batches.blockExamples, batchTokens: batches.batchTokens)
                try await SubspaceComputation(checkpoint.config).subspaces(
                    moments: moments, limit: rank, runner: runner, to: out,
                    metadata: try SafetensorsFile(path: moments).metadata)
            }
        }
    }

    package struct EditCommand: AsyncParsableCommand {
        package static let configuration = CommandConfiguration(
            commandName: "edit", abstract: "Makes a low-rank edit of subspaces: ActSVD, or the orthogonal projection.",
            discussion: """
                With --safety alone: --top, --keep or --bottom R removes the top R ranks, keeps them, or removes the \
                least R. With --utility: the orthogonal projection, W - (I - P_u) P_s W; --utility-rank and \
                --safety-rank count removed ranks (the paper's r_u and r_s).
                """)

        @OptionGroup package var model: ModelOptions
        @OptionGroup package var fleet: FleetOptions

        @Option(help: ArgumentHelp("Subspaces of safety data (or of whatever is to be removed).", valueName: "file"))
        package var safety: String

        @Option(help: ArgumentHelp("Subspaces of utility data, which are spared.", valueName: "file"))
        package var utility: String?

        @Option(help: ArgumentHelp("Remove the top ranks: a number, or a share as in 2.5%.", valueName: "r"))
        package var top: RankAmount?

        @Option(help: ArgumentHelp("Keep the top ranks.", valueName: "r"))
        package var keep: RankAmount?

        @Option(help: ArgumentHelp("Remove the least ranks.", valueName: "r"))
        package var bottom: RankAmount?

        @Option(help: ArgumentHelp("r_u of the orthogonal projection.", valueName: "r"))
        package var utilityRank: RankAmount?

        @Option(help: ArgumentHelp("r_s of the orthogonal projection.", valueName: "r"))
        package var safetyRank: RankAmount?

        @Option(help: ArgumentHelp("The edit's file.", valueName: "file"))
        package var out: String

        @OptionGroup package var forcing: ForceOption

        package init() {}

        package func validate() throws { _ = try recipe() }

        private func recipe() throws -> RankRecipe {
            let single = [
                top.map { RankRecipe.removeTop($0) }, keep.map { .keepTop($0) }, bottom.map { .removeBottom($0) },
            ].compactMap { $0 }
            if utility != nil {
                guard single.isEmpty else {
                    throw ValidationError(
                        "--utility makes an orthogonal projection; it excludes --top, --keep, --bottom")
                }
                guard let utilityRank, let safetyRank else {
                    throw ValidationError("an orthogonal projection needs --utility-rank and --safety-rank")
                }
                return .orthogonalProjection(utility: utilityRank, safety: safetyRank)
            }
            guard utilityRank == nil, safetyRank == nil else {
                throw ValidationError("--utility-rank and --safety-rank go with --utility")
            }
            guard single.count == 1 else { throw ValidationError("give one of --top, --keep, --bottom") }
            return single[0]
        }

        package func run() async throws {
            let recipe = try recipe()
            let checkpoint = try model.checkpoint()
            let subspaces = try ([safety] + [utility].compactMap { $0 }).map { try SubspaceFile(path: $0) }
            let own = try checkpoint.provenance()
            var belonging = forcing.belonging()
            for file in subspaces {
                let origin = Provenance(file.label, metadata: file.metadata)
                try belonging.check(origin, belongsTo: own, at: model.model)
            }
            var outputs = Outputs(model: model.model, reading: [safety, utility, fleet.keys])
            let out = try outputs.file("--out", out, standard: "edit.safetensors")
            try fleet.check(&outputs)
            var provenance = own.modelMetadata.merging(["safety": try Digest.sha256(file: safety)]) { $1 }
            provenance.merge(belonging.metadata) { $1 }
            if let utility { provenance["utility"] = try Digest.sha256(file: utility) }
            let edit = try await RunnerFactory.with(fleet, checkpoint) { [provenance] runner in
                try await runner.apply(nil)
                return try await SubspaceComputation(checkpoint.config).edit(
                    recipe, subspaces: subspaces, runner: runner, to: out, metadata: provenance)
            }
            let all = WeightScores.maps(of: checkpoint.config).reduce(0) { $0 + $1.rank }
            let nothing = edit.reasonForNoEffect(in: checkpoint).map { "; it changes nothing: \($0)" } ?? ""
            Terminal.log.info("\(out): \(edit.rank) of \(all) ranks\(nothing)")
        }
    }
}
