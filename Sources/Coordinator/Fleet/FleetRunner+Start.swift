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
            endOnSignals(runner, resumable: runDirectory != nil)
            return runner
        } catch {
            if runDirectory == nil { try? FileManager.default.removeItem(atPath: folder) }
            throw error
        }
    }

    /// Ctrl-C, SIGTERM and SIGUSR1 (Slurm's warning before a time limit or a preemption) end the workers and leave no
    /// temporary files; exit code 128 + the signal's number.
    private static func endOnSignals(_ runner: FleetRunner, resumable: Bool) {
        for number in [SIGINT, SIGTERM, SIGUSR1] {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                runner.end()
                let words = !resumable ? "" : "; the same command goes on where it was"
                Terminal.err("faultline: stopped by signal \(number)\(words)\n")
                exit(128 + number)
            }
            source.resume()
            signals.append(source)
        }
    }

    /// Kept alive to the end; filled before the first command's work begins.
    nonisolated(unsafe) private static var signals: [any DispatchSourceSignal] = []

    /// The worker beside this program, else the one in PATH.
    static func workerExecutable() -> String {
        let own = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        let beside = own.appendingPathComponent("faultline-worker").path
        return FileManager.default.isExecutableFile(atPath: beside) ? beside : "faultline-worker"
    }
}
