package import ArgumentParser
import Caching
import Checkpoint
package import Console
import Datasets
import Experiment
import FleetIO
import Jinja
import Launch
import Logging
import ModelService
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

        /// What is wrong with a setting, a template or a file is known before a folder is made or a worker started.
        private func prepare(
            _ study: Study, _ checkpoint: Checkpoint, _ day: CalendarDay
        ) throws -> (study: PreparedStudy, isDated: Bool) {
            let codec = try ChatCodec(checkpoint, study.layout(day: day), systems: study.systems)
            let prepared = try PreparedStudy(
                study, config: checkpoint.config, provenance: { try checkpoint.provenance() }, codec: codec
            ) { Terminal.log.info("\($0)") }
            return (study: prepared, isDated: study.date == nil && codec.isDated)
        }

        package func run() async throws {
            let list = try StudyList(contentsOf: study, overriding: settings.overrides)
            let first = list.studies[0]
            var options = fleet
            options.workers =
                fleet.workers ?? (fleet.listen == nil ? list.studies.map(\.workers).max() : nil)
            options.pipelines = fleet.pipelines ?? first.pipelines
            let checkpoint = try settings.content.open(first.model)
            let root = runDir ?? "runs/\(list.name)"
            options.level = try RunLevel.of(
                root, asked: fleet.level, highest: fleet.listen == nil ? KernelLevel.highest : nil)
            let cacheFolder = settings.cacheFolder(runDirectory: root)
            try RunOutputs(list, root: root, cache: cacheFolder).check(studyFile: study)
            var outputs = Outputs(model: first.model, reading: [study, fleet.keys] + list.inputs)
            try fleet.check(&outputs)
            let day = try RunDay.of(root)
            let prepared = try list.studies.map { try prepare($0, checkpoint, day) }
            let cache = try cacheFolder.map { folder throws(InputError) in
                try ResultCache(folder) { Terminal.own.info("\($0)") }
            }
            try Files.makeFolder(root)
            try Outputs.checkWritable(root)
            if prepared.contains(where: \.isDated) { try RunDay.keep(day, in: root) }
            let digest = try checkpoint.digest()
            let command = Stopped.shell(["faultline", "study", "run", study] + settings.arguments)
            let gnuplot = Gnuplot()
            if gnuplot == nil { Terminal.own.info("no plots in the report: \(Gnuplot.advice)") }
            try await RunnerFactory.with(options, checkpoint, runDirectory: root) { [list] runner in
                if let level = KernelLevel(rawValue: runner.kernels) { try RunLevel.keep(level, in: root) }
                let runs = try prepared.map { item in
                    let name = item.study.study.name
                    let folder = try RunFolder(list.isList ? "\(root)/\(name)" : root) {
                        Terminal.own.info("\($0)")
                    }
                    let run = StudyRun(
                        item.study, runner: runner, model: checkpoint, modelDigest: digest, folder: folder,
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
