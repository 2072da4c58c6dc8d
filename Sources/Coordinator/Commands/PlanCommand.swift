package import ArgumentParser
import Caching
import Checkpoint
package import Console
import Datasets
import Experiment
import Foundation
import Jinja
import Launch
import Logging
import ModelService
import OutputFiles
import Planning
import Reporting
import Scheduling
import Selection
import StudyFile
import Tensors

package struct PlanCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract:
            "Checks a study and says what it will compute and store, how long it takes, and the memory and disk it needs.",
        discussion: """
            Work is counted from the study's own files, and timed by a little of it on local workers. For other machines \
            give --rate; --no-measure only counts. Answers are taken to be as long as they may be, so plan rather says \
            too much.
            """)

    @Argument(help: "The study (YAML).")
    package var study: String

    @Option(help: ArgumentHelp("The run's folder, beside which the cache is; by default runs/NAME.", valueName: "dir"))
    package var runDir: String?

    @OptionGroup package var settings: StudyOptions
    @OptionGroup package var fleet: FleetOptions

    @Option(
        help: ArgumentHelp(
            "Predict for workers that multiply matrices at this rate each (make bench says it), without measuring.",
            valueName: "GFLOP/s"))
    package var rate: Double?

    @Option(help: ArgumentHelp("Memory of a worker. Default: its share of this machine's.", valueName: "GiB"))
    package var memory: Double?

    @Flag(help: "Count only; start nothing.")
    package var noMeasure = false

    @Option(help: ArgumentHelp("The prediction as JSON.", valueName: "file"))
    package var out: String?

    package init() {}

    package func validate() throws {
        if let rate, !(rate > 0) { throw ValidationError("--rate has to be above 0") }
        if let memory, !(memory > 0.01) { throw ValidationError("--memory has to be above 0.01 GiB") }
    }

    package func run() async throws {
        let list = try StudyList(contentsOf: study, overriding: settings.overrides)
        let checkpoint = try settings.content.open(list.studies[0].model)
        let root = runDir ?? "runs/\(list.name)"
        let cacheFolder = settings.cacheFolder(runDirectory: root)
        try RunOutputs(list, root: root, cache: cacheFolder).check(studyFile: study)
        var outputs = Outputs(model: list.studies[0].model, reading: [study] + list.inputs)
        let out = try outputs.file("--out", out, standard: "plan.json")
        let cost = ModelCost(checkpoint.config)
        let workers = self.workers(list)
        let day = try RunDay.of(runDir ?? "runs/\(list.name)")
        let items = try list.studies.map { try Self.open($0, checkpoint, day: day) }
        let bytes = 4 * (cost.linear + cost.head)
        let layout = MemoryPrediction(
            items[0], config: checkpoint.config, workers: workers, fileBytes: 0, work: Work())
        let pipelines = max(1, layout.pipelines(copies: ModelPlan.Copies.reading).count)
        var rates = Rates(flops: (rate ?? 50) * 1e9, pipelines: pipelines, bytes: bytes)
        var keys: CacheKeys?
        if rate == nil, !noMeasure {
            let sample = try PlanSample.of(items)
            var options = fleet
            options.workers = workers.count
            // What the cache knows was computed at one level.
            if let level = try RunLevel.kept(in: root), level <= .highest { options.level = fleet.level ?? level }
            let folder = try ScopedTemporaryDirectory(prefix: ".faultline-plan-")
            defer { folder.remove() }
            let measured = try await RunnerFactory.with(options, checkpoint) { [rates] runner in
                let measure = RateMeasure(runner: runner, cost: cost, pipelines: pipelines, folder: folder.path)
                let rates = try await measure.rates(sample, assumed: rates)
                return (rates, runner.kernels)
            }
            rates = measured.0
            keys = CacheKeys(modelDigest: try checkpoint.digest(), kernels: measured.1)
        }
        let cache = try cacheFolder.flatMap { folder in
            try Files.exists(folder) ? ResultCache(folder) : nil
        }
        var made: Set<String> = []
        var prediction = StudyPrediction(rates: rates, cost: cost, isTimed: rate != nil || !noMeasure)
        for item in items {
            let work = try WorkCounter.count(
                item, model: checkpoint, cache: cache, keys: keys, made: &made)
            let memory = MemoryPrediction(
                item, config: checkpoint.config, workers: workers, fileBytes: checkpoint.fileBytes,
                work: work)
            let disk = DiskPrediction(item, config: checkpoint.config, work: work)
            prediction.add(item.study, work, memory.phases(), disk)
            if list.isList { Terminal.say("study \(item.study.name)") }
            let plan = StudySummary(item, config: checkpoint.config)
            Terminal.out(plan.table())
            for line in Format.wrapped("conditions: \(plan.conditionList)") { Terminal.say(line) }
            for warning in item.evaluator.warnings { Terminal.own.warning("\(warning)") }
            Terminal.say("")
        }
        Terminal.out(prediction.table())
        Terminal.say("")
        for line in prediction.lines(workers: workers) { Terminal.say(line) }
        if let out { try TextFile.write(prediction.json(), to: out) }
    }

    /// The workers that the prediction is for.
    private func workers(_ list: StudyList) -> MemoryPrediction.Workers {
        let count = fleet.workers ?? list.studies.map(\.workers).max() ?? 1
        let machine = Double(ProcessInfo.processInfo.physicalMemory) * 0.8 / Double(count)
        return MemoryPrediction.Workers(
            count: count, threads: fleet.threads ?? max(1, ProcessInfo.processInfo.activeProcessorCount / count),
            memoryBytes: Int(memory.map { $0 * 1_073_741_824 } ?? machine),
            pipelines: fleet.pipelines ?? list.studies[0].pipelines)
    }

    /// What a study does; all its files are sound.
    private static func open(_ study: Study, _ checkpoint: Checkpoint, day: CalendarDay?) throws -> StudySchedule {
        let codec = try ChatCodec(checkpoint, study.layout(day: day), systems: study.systems)
        return try PreparedStudy(
            study, config: checkpoint.config, provenance: { try checkpoint.provenance() }, codec: codec
        ) { Terminal.log.info("\($0)") }.schedule
    }
}
