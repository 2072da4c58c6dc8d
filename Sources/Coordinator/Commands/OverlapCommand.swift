package import ArgumentParser
import Checkpoint
import Reporting
package import Selection
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

    @Argument(help: ArgumentHelp("Two mask files, or two subspace files.", valueName: "file"))
    package var files: [String]

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

    package init() {}

    package func validate() throws {
        guard files.count == 2 else { throw ValidationError("give two files") }
    }

    package func run() throws {
        let formats = try files.map { try SafetensorsFile(path: $0).metadata["format"] ?? "none" }
        let result: OverlapTable
        switch (formats[0], formats[1]) {
        case ("faultline-mask", "faultline-mask"):
            guard rank == nil, model == nil else { throw ValidationError("--rank and --model go with subspaces") }
            result = OverlapTable(
                measure: "jaccard", files: files,
                values: try Overlap.jaccard(try Mask(contentsOf: files[0]), try Mask(contentsOf: files[1])))
        case (SubspaceFile.format, SubspaceFile.format):
            guard let model else { throw ValidationError("subspaces need --model: it has the maps' ranks") }
            let maps = WeightScores.maps(of: try Checkpoint.open(model).config)
            let rank = self.rank ?? OverlapTable.standardRank(maps)
            result = OverlapTable(
                measure: "similarity", files: files, rank: rank,
                values: try Overlap.similarity(
                    try SubspaceFile(path: files[0]), try SubspaceFile(path: files[1]), rank: rank, maps: maps))
        default:
            throw InputError(
                files[1],
                "\(formats[1]) beside \(formats[0]) of \(files[0]): two masks or two subspace files are compared")
        }
        if let out {
            try TextFile.write(out.hasSuffix(".csv") ? result.csv() : result.json(), to: out)
        }
        if let plot {
            guard let gnuplot = Gnuplot() else { throw InternalError("no plot: \(Gnuplot.advice)") }
            try TextFile.write(try gnuplot.svg(StudyFigures.overlap(result)), to: plot)
        }
        Terminal.out(result.table())
    }
}
