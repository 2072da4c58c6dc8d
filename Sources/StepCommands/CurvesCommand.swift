package import ArgumentParser
import Checkpoint
package import Console
import Datasets
import Experiment
import OutputFiles
import Reporting
import Selection
import StudyReport
import Tensors

package struct CurvesCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "curves",
        abstract: "How alike pairs of normal and of malicious prompts are after every block (Safety Layers).",
        discussion: """
            Mean cosines of the last tokens' states over drawn pairs, by a statistic last_token_state that a study has \
            collected: its harmless list has the normal prompts, its harmful list the malicious ones. The gap is the angle \
            of normal-malicious pairs less that of normal-normal ones.
            """)

    @Option(help: ArgumentHelp("A Hugging Face folder or a GGUF file.", valueName: "path"))
    package var model: String

    @Option(help: ArgumentHelp("statistics/NAME.safetensors of a run.", valueName: "file"))
    package var statistic: String

    @Option(help: ArgumentHelp("Pairs drawn of each kind.", valueName: "n"))
    package var pairs = 500

    @Option(help: "Seed of the draws.")
    package var seed: UInt64 = 42

    @Option(help: ArgumentHelp("The curves as CSV.", valueName: "file"))
    package var out: String?

    @Option(help: ArgumentHelp("The cosines as a figure, drawn by gnuplot.", valueName: "file.svg"))
    package var plot: String?

    @Option(help: ArgumentHelp("The gap as a figure, drawn by gnuplot.", valueName: "file.svg"))
    package var plotGap: String?

    @OptionGroup package var content: ContentOptions
    @OptionGroup package var forcing: ForceOption

    package init() {}

    package func validate() throws {
        guard (1...1_000_000).contains(pairs) else {
            throw ValidationError("--pairs \(pairs) is out of range: 1 to 1000000")
        }
    }

    package func run() throws {
        var outputs = Outputs(model: model, reading: [statistic])
        let out = try outputs.file("--out", out, standard: "layer-curves.csv")
        let plots = [
            try outputs.file("--plot", plot, standard: "cosines.svg"),
            try outputs.file("--plot-gap", plotGap, standard: "gap.svg"),
        ]
        let checkpoint = try content.open(model)
        let states = try StatisticFile(statistic, of: LastTokenState.name)
        var belonging = forcing.belonging()
        let origin = Provenance(statistic, metadata: states.metadata)
        try belonging.check(origin, belongsTo: try checkpoint.provenance(), at: model)
        let curves = try states.read {
            try LayerCurves($0, config: checkpoint.config, pairs: pairs, seed: seed)
        }
        if let out { try TextFile.write(curves.csv(), to: out) }
        for (path, figure) in zip(plots, StudyFigures.layerCurves(curves)) {
            guard let path else { continue }
            guard let gnuplot = Gnuplot() else { throw InternalError("no plot: \(Gnuplot.advice)") }
            try TextFile.write(try gnuplot.svg(figure), to: path)
        }
        Terminal.out(curves.table())
    }
}
