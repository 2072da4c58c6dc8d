package import ArgumentParser
import Console
import Datasets
import OutputFiles
import Reporting
import Selection
import Tensors

package struct CosineCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "cosine",
        abstract: "How alike two models' residual streams are on the same prompts, layer by layer.",
        discussion: """
            Two files of the statistic residual_state, collected on the same prompts by studies of two models. At every \
            place and position: the cosine of the two mean states, which is 1 for a model with itself.
            """)

    @OptionGroup package var pair: FilePair

    @Option(help: ArgumentHelp("Values as CSV.", valueName: "file"))
    package var out: String?

    package init() {}

    package func run() throws {
        let files = pair.files
        var outputs = Outputs(reading: files)
        let out = try outputs.file("--out", out, standard: "cosine.csv")
        let bundles = try files.map { try TensorBundle(mapping: $0) }
        let values = try StateCosine.between((bundles[0], bundles[1]), named: (files[0], files[1]))
        func table(_ words: (Double) -> String, empty: String) -> Table {
            var table = Table(["list", "place", "position", "cosine"].map { Table.Column($0, .left) })
            for value in values {
                table.append([value.list, value.place, "\(value.position)", value.cosine.map(words) ?? empty])
            }
            return table
        }
        if let out { try TextFile.write(table({ "\($0)" }, empty: "").csv(), to: out) }
        Terminal.out(table({ Format.fixed($0, 4) }, empty: "—"))
    }
}
