package import ArgumentParser
import Checkpoint
import Reporting

package struct StudyCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "study", abstract: "Carries out a study file.", subcommands: [Run.self])

    package init() {}

    package struct Run: AsyncParsableCommand {
        package static let configuration = CommandConfiguration(
            abstract: "Scores, edits and evaluates as the study file says, and writes a report.")

        @Argument(help: "The study (YAML).")
        package var study: String

        @Option(help: ArgumentHelp("Where the run's files go; by default runs/NAME.", valueName: "dir"))
        package var runDir: String?

        @Option(help: ArgumentHelp("Run on this model instead of the study's.", valueName: "path"))
        package var model: String?

        @OptionGroup package var fleet: FleetOptions

        package init() {}

        package func run() async throws {
            var study = try Study(contentsOf: study)
            if let model { study.model = model }
            var options = fleet
            options.workers = fleet.workers ?? (fleet.listen == nil ? study.workers : nil)
            options.pipelines = fleet.pipelines ?? study.pipelines
            let checkpoint = try Checkpoint.open(study.model)
            let codec = try ChatCodec(checkpoint, template: study.template, system: study.system)
            let folder = try RunFolder(runDir ?? "runs/\(study.name)")
            let digest = checkpoint.digest()
            let start = Terminal.now()
            let results = try await Runners.with(options, checkpoint, runDirectory: folder.path) { [study] runner in
                try await StudyRun(
                    study, runner: runner, codec: codec, model: checkpoint, modelDigest: digest, folder: folder,
                    exporter: FolderExporter(checkpoint), announce: { Terminal.err("\($0)\n") }
                ).run()
            }
            let words = ["study", "run", self.study] + (model.map { ["--model", $0] } ?? [])
            let text = String(decoding: try TextFile.read(self.study), as: UTF8.self)
            let gnuplot = Gnuplot()
            try results.write(
                to: folder, command: Stopped.shell(["faultline"] + words),
                versions: Versions.list, files: [(self.study, text)], gnuplot: gnuplot)
            if gnuplot == nil { Terminal.err("faultline: no plots in the report: \(Gnuplot.advice)\n") }
            for warning in results.warnings { Terminal.err("faultline: warning: \(warning)\n") }
            Terminal.out("\n" + results.table().text(unicode: Terminal.isUnicode))
            for (caption, table) in results.grids.flatMap({ $0.tables() }) {
                Terminal.out("\n\(caption)\n\n" + table.text(unicode: Terminal.isUnicode))
            }
            Terminal.out(
                "\nReport: \(folder.reportPage), \(folder.report) (\(Format.duration(Terminal.now() - start)))\n")
        }
    }
}
