package import Checkpoint
import Foundation
import Keys

extension FleetRunner {
    /// Starts local workers, or listens for a fleet, as the command line says.
    /// - Parameter runDirectory: where partials and logs go; `nil`: a folder beside the current one's files, removed at
    ///   the end.
    /// - Throws: `FleetError`.
    package static func start(
        _ options: FleetOptions, checkpoint: Checkpoint, runDirectory: String?
    ) throws -> FleetRunner {
        let folder = runDirectory ?? ".faultline-\(getpid())"
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
        settings.threadsPerWorker = options.threads
        settings.workerExecutable = workerExecutable()
        settings.log = { Terminal.err("\($0)\n") }
        let signals = Self.signals
        settings.stopSignal = { signals.first }
        if runDirectory != nil { settings.resume = Stopped.shell(CommandLine.arguments) }
        let memory = try runDirectory.map { folder in
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            return try RunMemory(folder: folder, log: settings.log)
        }
        if let memory {
            settings.firstEpoch = memory.firstEpoch
            settings.note = { memory.note($0, task: $1, worker: $2, $3) }
            memory.note("started", "faultline \(Faultline.version), process \(getpid())")
        }
        settings.bound = { endpoint in
            guard options.listen != nil else { return }
            let way = options.joinFile.map { "--join-file \($0)" } ?? "--connect \(endpoint)"
            let key = options.keys == nil ? "" : " --keys FILE"
            Terminal.err("listening at \(endpoint): start workers with faultline-worker \(way)\(key)\n")
        }
        do {
            let runner = FleetRunner(
                fleet: try Fleet(settings), checkpoint: checkpoint, progress: Terminal.progress(), memory: memory,
                temporary: runDirectory == nil ? folder : nil)
            endOnSignals(runner, Stopped(signal: nil, resume: settings.resume))
            return runner
        } catch {
            if runDirectory == nil { try? FileManager.default.removeItem(atPath: folder) }
            throw error
        }
    }

    /// Once: what ends within a few seconds is recorded, and the command ends by `Stopped`. Again: at once.
    private static func endOnSignals(_ runner: FleetRunner, _ stopped: Stopped) {
        signals.tell { number, isAgain in
            @Sendable func end() -> Never {
                var stopped = stopped
                stopped.signal = number
                Terminal.err("faultline: \(stopped)\n")
                exit(stopped.exitCode)
            }
            guard !isAgain else {
                runner.abandon()
                end()
            }
            Terminal.err("stopping: what ends within \(Int(grace)) s is kept; once more ends at once\n")
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
    private static func workerExecutable() -> String {
        let own = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        let beside = own.appendingPathComponent("faultline-worker").path
        return FileManager.default.isExecutableFile(atPath: beside) ? beside : "faultline-worker"
    }
}
