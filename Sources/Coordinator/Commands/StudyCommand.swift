package import ArgumentParser
import Caching
import Checkpoint
package import Console
import Datasets
import Experiment
import FleetIO
import Launch
import Logging
import OutputFiles
import Reporting
import StudyFile
import StudyReport
import Tensors

package struct StudyCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "study", abstract: "Carries out a study file.", subcommands: [Run.self])

    package init() {}

    package struct Run: AsyncParsableCommand {
        package static let configuration = CommandConfiguration(
            abstract: "Scores, edits and evaluates as the study file says, and writes a report.",
            discussion:
                "A file that lists others (studies:) runs them one after the other, each in a folder of its own."
        )

        @Argument(help: "The study (YAML).")
        package var study: String

        @Option(help: ArgumentHelp("Where the run's files go; by default runs/NAME.", valueName: "dir"))
        package var runDir: String?

        @OptionGroup package var settings: StudyOptions
        @OptionGroup package var fleet: FleetOptions

        package init() {}

        package func run() async throws {
            let list = try StudyList(contentsOf: study, overriding: settings.overrides)
            let first = list.studies[0]
            var options = fleet
            options.workers =
                fleet.workers ?? (fleet.listen == nil ? list.studies.map(\.workers).max() : nil)
            options.pipelines = fleet.pipelines ?? first.pipelines
            let checkpoint = try settings.content.open(first.model)
            let root = runDir ?? "runs/\(list.name)"
            let cacheFolder = settings.cacheFolder(runDirectory: root)
            try RunOutputs(list, root: root, cache: cacheFolder).check(studyFile: study)
            var outputs = Outputs(model: first.model, reading: [study, fleet.keys] + list.inputs)
            try fleet.check(&outputs)
            let cache = try cacheFolder.map { folder throws(InputError) in
                try ResultCache(folder) { Terminal.own.info("\($0)") }
            }
            try Files.makeFolder(root)
            try Outputs.checkWritable(root)
            // What a chat template refuses is known before workers are started.
            let day = try RunDay.of(root)
            let codecs = try list.studies.map {
                try ChatCodec(checkpoint, $0.layout(day: day), systems: $0.systems)
            }
            if zip(list.studies, codecs).contains(where: { $0.date == nil && $1.isDated }) {
                try RunDay.keep(day, in: root)
            }
            let digest = try checkpoint.digest()
            let command = Stopped.shell(["faultline", "study", "run", study] + settings.arguments)
            let gnuplot = Gnuplot()
            if gnuplot == nil { Terminal.own.info("no plots in the report: \(Gnuplot.advice)") }
            try await RunnerFactory.with(options, checkpoint, runDirectory: root) { [list] runner in
                // All of them first: what is wrong with the last one is known before the first one begins.
                let runs = try zip(list.studies, codecs).map { study, codec in
                    let folder = try RunFolder(list.isList ? "\(root)/\(study.name)" : root) {
                        Terminal.own.info("\($0)")
                    }
                    let run = try StudyRun(
                        study, runner: runner, codec: codec, model: checkpoint, modelDigest: digest, folder: folder,
                        exporter: FolderExporter(checkpoint), cache: cache, announce: { Terminal.log.info("\($0)") })
                    return (run: run, folder: folder)
                }
                var index = StudyIndex(list, command: command)
                for (number, item) in runs.enumerated() {
                    if list.isList {
                        Terminal.log.info("study \(list.studies[number].name) (\(number + 1) of \(runs.count))")
                    }
                    let results = try await carryOut(
                        item.run, in: item.folder, files: list.files[number], command: command, gnuplot: gnuplot)
                    guard list.isList else { continue }
                    index.finished(results)
                    try index.write(to: root)
                }
            }
            guard list.isList else { return }
            Terminal.say("")
            Terminal.say("Index: \(RunFolder.index(in: root))")
        }

        /// Runs one study, writes its report, and shows its tables.
        private func carryOut(
            _ run: StudyRun, in folder: RunFolder, files: String, command: String, gnuplot: Gnuplot?
        ) async throws -> StudyResults {
            let start = MonotonicClock.now
            let results = try await run.run()
            try results.write(
                to: folder, command: command, versions: Versions.list, files: try StudyText.sources(files),
                gnuplot: gnuplot)
            for warning in results.warnings { Terminal.own.warning("\(warning)") }
            show(results)
            Terminal.out(results.judgesLine)
            let time = Format.duration(MonotonicClock.now - start)
            Terminal.say("Report: \(folder.reportPage), \(folder.report) (\(time))")
            return results
        }

        /// A study's tables, each between empty lines.
        private func show(_ results: StudyResults) {
            Terminal.say("")
            Terminal.out(results.table())
            for (caption, table) in results.grids.flatMap({ $0.tables() }) {
                for line in ["", caption, ""] { Terminal.say(line) }
                Terminal.out(table)
            }
            Terminal.say("")
        }
    }
}
