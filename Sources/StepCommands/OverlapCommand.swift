package import ArgumentParser
import Checkpoint
package import Console
import Datasets
import Experiment
import OutputFiles
import Reporting
package import Selection
import StudyReport
import Tensors

package struct OverlapCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "overlap",
        abstract: "How much two masks, or two subspace files, have in common, per linear map.",
        discussion: """
            Two masks: the Jaccard index |A and B| / |A or B|. Two subspace files: the similarity \
            |U_a^T U_b|^2 / min(rank U_a, rank U_b) over the first --rank directions. The table shows the mean of \
            every kind of map; --out has every map.
            """)

    @OptionGroup package var pair: FilePair

    @Option(
        help: ArgumentHelp(
            "Directions of a map that are compared: a number, or a share of its rank as in 2.5%. Default: 100 where every map has more and all have the same rank, else 2.5%.",
            valueName: "r"))
    package var rank: RankAmount?

    @Option(help: ArgumentHelp("The rank of a map is min(d_out, d_in): the model says it.", valueName: "path"))
    package var model: String?

    @Option(help: ArgumentHelp("Values as JSON, or as CSV where the name ends in .csv.", valueName: "file"))
    package var out: String?

    @Option(help: ArgumentHelp("A heat map of layers and maps, drawn by gnuplot.", valueName: "file.svg"))
    package var plot: String?

    @OptionGroup package var content: ContentOptions
    @OptionGroup package var forcing: ForceOption

    package init() {}

    package func run() throws {
        let files = pair.files
        var outputs = Outputs(model: model, reading: files)
        let out = try outputs.file("--out", out, standard: "overlap.json")
        let plot = try outputs.file("--plot", plot, standard: "overlap.svg")
        let formats = try files.map { try SafetensorsFile(path: $0).metadata["format"] ?? "none" }
        var belonging = forcing.belonging()
        var result: OverlapTable
        switch (formats[0], formats[1]) {
        case ("faultline-mask", "faultline-mask"):
            guard rank == nil, model == nil else { throw ValidationError("--rank and --model go with subspaces") }
            let masks = try files.map { try Mask(contentsOf: $0) }
            let origins = zip(files, masks).map { Provenance($0, metadata: $1.metadata) }
            try belonging.checkModels(origins)
            result = OverlapTable(
                measure: "jaccard", files: files, values: try Overlap.jaccard(masks[0], masks[1]))
            result.origin = origins.first { $0.model != nil }?.modelMetadata ?? [:]
        case (SubspaceFile.format, SubspaceFile.format):
            guard let model else { throw ValidationError("subspaces need --model: it has the maps' ranks") }
            let checkpoint = try content.open(model)
            let maps = WeightScores.maps(of: checkpoint.config)
            let subspaces = try files.map { try SubspaceFile(path: $0) }
            let own = try checkpoint.provenance()
            for file in subspaces {
                let origin = Provenance(file.label, metadata: file.metadata)
                try belonging.check(origin, belongsTo: own, at: model)
            }
            let rank = self.rank ?? OverlapTable.standardRank(maps)
            result = OverlapTable(
                measure: "similarity", files: files, rank: rank,
                values: try Overlap.similarity(subspaces[0], subspaces[1], rank: rank, maps: maps))
            result.origin = own.modelMetadata
        default:
            throw InputError(
                files[1],
                "\(formats[1]) beside \(formats[0]) of \(files[0]): two masks or two subspace files are compared")
        }
        result.origin.merge(belonging.metadata) { $1 }
        if let out {
            try TextFile.write(out.lowercased().hasSuffix(".csv") ? result.csv() : result.json(), to: out)
        }
        if let plot {
            guard let gnuplot = Gnuplot() else { throw InternalError("no plot: \(Gnuplot.advice)") }
            try TextFile.write(try gnuplot.svg(StudyFigures.overlap(result)), to: plot)
        }
        Terminal.out(result.table())
    }
}
