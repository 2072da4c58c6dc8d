package import Checkpoint
package import Console
package import FleetBackend
import FleetIO
import Foundation
import Keys
import Logging
import Protocol
import Reporting
import Scheduling
import StatusPage
import Tensors

extension FleetRunner {
    /// Starts local workers, or listens for a fleet, as the command line says.
    /// - Parameter runDirectory: where partials and logs go; `nil`: a folder beside the current one's files, removed at
    ///   the end (or at the next start, where this program is killed).
    /// - Throws: `FleetError`.
    package static func start(
        _ options: FleetOptions, checkpoint: Checkpoint, runDirectory: String?
    ) throws -> FleetRunner {
        let temporary = runDirectory == nil ? try temporaryFolder() : nil
        let folder = runDirectory ?? temporary!.path
        var settings = try Self.settings(options, folder, isKept: runDirectory != nil)
        DiskFullPolicy.wait { Terminal.log.info("\($0)") }
        let log = RunLog(file: runDirectory.map { LogFile(path: "\($0)/log.jsonl") })
        settings.recent = { log.recent }
        let memory = try runDirectory.map { folder in
            try Files.makeFolder(folder)
            return try RunMemory(folder: folder, logger: Terminal.log)
        }
        Terminal.keep(in: log)
        if let memory {
            log.epoch = memory.firstEpoch >> 32
            settings.firstEpoch = memory.firstEpoch
            settings.run = memory.run
            settings.happened = { memory.record($0) }
            memory.report(.started(version: Release.version, pid: getpid()))
        }
        do {
            // Before workers are started: its port may be taken.
            settings.view = try statusPage(options).map { try StatusServer($0, report: settings.report) }
            let fleet = try Fleet(settings)
            // What this program computes itself, as edits of exported models, has its workers' bits.
            if let level = fleet.level { min(level, .highest).use() }
            let runner = FleetRunner(
                fleet: fleet, checkpoint: checkpoint, progress: Terminal.progress(), memory: memory,
                temporary: temporary)
            endOnSignals(runner, Stopped(signal: nil, resume: settings.resume))
            return runner
        } catch {
            temporary?.remove()
            throw error
        }
    }

    /// How the fleet is run, as far as the command line says it.
    /// - Parameter isKept: the folder is a run's, which may go on later.
    /// - Throws: what reading the keys throws.
    private static func settings(_ options: FleetOptions, _ folder: String, isKept: Bool) throws -> FleetSettings {
        var settings = FleetSettings(runDirectory: folder)
        if let listen = options.listen {
            settings.listen = listen
            settings.joinFile = options.joinFile
            settings.awaited = options.workers ?? 1
        } else {
            settings.localWorkers = options.workers ?? 1
        }
        settings.registration = options.wait ?? settings.registration
        settings.insecurePlainTCP = options.insecurePlainTCP
        settings.keys = try options.keys.map { try CoordinatorKeys(contentsOf: $0) }
        settings.pipelines = options.pipelines
        try setLevel(&settings, options.level)
        settings.threadsPerWorker = options.threads
        settings.workerExecutable = workerExecutable()
        settings.logger = Terminal.log
        let signals = Self.signals
        settings.stopSignal = { signals.first }
        if isKept { settings.resume = Stopped.shell(CommandLine.arguments) }
        settings.lease = options.lease ?? settings.lease
        settings.comeback = options.wait ?? settings.comeback
        settings.bound = { endpoint in
            guard options.listen != nil else { return }
            // 0.0.0.0 is no address to connect to: the likeliest one that others reach is named.
            let address = NetworkAddress.endpoints(bound: endpoint, of: NetworkAddress.all()).first ?? endpoint
            let way = options.joinFile.map { "--join-file \($0)" } ?? "--connect \(address)"
            let key = options.keys == nil ? "" : " --keys FILE"
            Terminal.log.info(
                "listening at \(endpoint): start workers with faultline-worker \(way)\(key)")
        }
        return settings
    }

    /// The workers' kernel level. What this program computes itself is the same at all levels with FMA: one without keeps
    /// the fleet at what it has.
    /// - Throws: `FleetError` where that is not what was asked for.
    private static func setLevel(_ settings: inout FleetSettings, _ asked: KernelLevel?) throws(FleetError) {
        settings.level = asked
        if let asked, settings.localWorkers != nil {
            settings.workerArguments = ["--level", asked.rawValue]
        }
        guard KernelLevel.highest == .portable else { return }
        settings.highestLevel = .portable
        if let asked, asked > .portable {
            throw FleetError(
                "--level \(asked): this machine's CPU has no FMA, and the coordinator computes, too: leave --level out, "
                    + "or run the coordinator on a newer machine", isUsage: true)
        }
    }

    /// In the working folder: what fits there fits its results, which `/tmp` may not.
    /// - Throws: `FleetError` where it cannot be written to.
    private static func temporaryFolder() throws(FleetError) -> ScopedTemporaryDirectory {
        do throws(TensorFileError) { return try ScopedTemporaryDirectory(prefix: ".faultline-") } catch {
            throw FleetError(
                "the working folder takes the results that are under way, and cannot be written to (\(error.fault)): "
                    + "change to another one", isUsage: true)
        }
    }

    /// The page that was asked for. Beyond this machine the token beside the fleet's keys is the one, where none is named.
    private static func statusPage(_ options: FleetOptions) throws -> StatusPageSettings? {
        guard let port = options.statusPort else { return nil }
        var page = StatusPageSettings(port: UInt16(port))
        page.host = options.statusHost ?? page.host
        var path = options.viewToken
        if path == nil, !Endpoint.isLoopback(page.host), page.host != "::1", let keys = options.keys {
            let beside = URL(fileURLWithPath: keys).deletingLastPathComponent()
                .appendingPathComponent(ViewToken.fileName).path
            if Files.exists(beside) { path = beside }
        }
        page.token = try path.map { try ViewToken(contentsOf: $0) }
        return page
    }

    /// Once: what ends within a few seconds is recorded, and the command ends by `Stopped`. Again: at once.
    private static func endOnSignals(_ runner: FleetRunner, _ stopped: Stopped) {
        signals.tell { number, isAgain in
            @Sendable func end() -> Never {
                var stopped = stopped
                stopped.signal = number
                Terminal.own.info("\(stopped)")
                Terminal.flush()
                exit(stopped.exitCode)
            }
            DiskFullPolicy.end()
            guard !isAgain else {
                runner.abandon()
                end()
            }
            Terminal.log.info("stopping: what ends within \(Int(grace)) s is kept; once more ends at once")
            runner.stop(within: grace)
            // Where this program itself is busy, with no fleet to hear of it from.
            DispatchQueue.global().asyncAfter(deadline: .now() + grace + 2) {
                runner.end()
                end()
            }
        }
    }

    /// Seconds for blocks that are under way when the run is asked to end.
    private static let grace = 7.0
    private static let signals = StopSignals()

    /// The worker beside this program, else the one in PATH.
    package static func workerExecutable() -> String {
        let own = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        let beside = own.appendingPathComponent("faultline-worker").path
        return Files.isExecutable(beside) ? beside : "faultline-worker"
    }
}
