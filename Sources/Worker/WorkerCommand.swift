import ArgumentParser
import Checkpoint
import DecoderEngine
import Foundation
import Keys
import Logging
import Protocol
import Reporting
import Stages
import Tensors
import WorkerIO
import ZeroMQ

/// `faultline-worker`: joins a fleet and computes what it is given.
struct WorkerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "faultline-worker",
        abstract: "Joins a Faultline fleet and computes for it until the coordinator says goodbye.")

    @Option(help: ArgumentHelp("The coordinator: tcp://host:port, or ipc://path.", valueName: "endpoint"))
    var connect: String?

    @Option(
        help: ArgumentHelp(
            "In place of --connect: the file in which the coordinator (--join-file) says where it is.",
            valueName: "file"))
    var joinFile: String?

    @Option(help: ArgumentHelp("Seconds to look for the coordinator. Default: 60.", valueName: "s"))
    var wait: Double?

    @Option(
        help: ArgumentHelp(
            "Seconds in which to finish what is under way when asked to stop (SIGTERM, SIGINT, SIGUSR1). Default: 20.",
            valueName: "s"))
    var grace: Double?

    @Option(help: ArgumentHelp("Compute threads; they never change a result. Default: all.", valueName: "n"))
    var threads: Int?

    @Option(help: ArgumentHelp("Memory this worker may use, in GiB. Default: 80 % of the machine's.", valueName: "GiB"))
    var memory: Double?

    @Option(
        help: ArgumentHelp(
            "Run at this kernel level: \(KernelLevel.names). Default: the CPU's highest, or the fleet's where that is lower.",
            valueName: "level"))
    var level: String?

    @Option(
        help: ArgumentHelp(
            "Own address that other workers reach, for a fleet over TCP. Default: the one towards the coordinator.",
            valueName: "host"))
    var dataBind: String?

    @Option(help: ArgumentHelp("This worker's key file (faultline keygen); for TCP.", valueName: "file"))
    var keys: String?

    @Option(
        help: ArgumentHelp(
            "Read models under this folder only; may be given more than once. Default: wherever the study says.",
            valueName: "dir"))
    var modelRoot: [String] = []

    @Flag(help: "Read the model's files again to check them, whatever this machine remembers of them.")
    var verifyModel = false

    @Flag(name: .customLong("insecure-plain-tcp"), help: "Allow unencrypted TCP beyond this machine.")
    var insecurePlainTCP = false

    @Option(help: "What this program says: text, or json (an object a line). Default: FAULTLINE_LOG, or text.")
    var logFormat: String?

    @Option(help: .hidden) var name = ""
    @Option(help: .hidden) var parent: Int32?
    @Option(help: .hidden) var dataFolder: String?
    /// `faultline bench-fleet`: no model; results of so many bytes.
    @Option(help: .hidden) var idleEngine: Int?
    @Option(help: .hidden) var idleLog: String?

    func validate() throws {
        guard (connect == nil) != (joinFile == nil) else {
            throw ValidationError("give either --connect ENDPOINT or --join-file FILE")
        }
        if let wait, !(wait >= 1 && wait <= 604_800) {
            throw ValidationError("--wait \(wait) is out of range: 1 to 604800 seconds")
        }
        if let grace, !(grace >= 0 && grace <= 86_400) {
            throw ValidationError("--grace \(grace) is out of range: 0 to 86400 seconds")
        }
        if let threads, !(1...1024).contains(threads) {
            throw ValidationError("--threads \(threads) is out of range: 1 to 1024")
        }
        if let memory, !(memory > 0.01 && memory < 1_000_000) {
            throw ValidationError("--memory \(memory) GiB is out of range")
        }
        if let level, KernelLevel(rawValue: level) == nil {
            throw ValidationError("--level \(level) is unknown (known: \(KernelLevel.names))")
        }
        if let logFormat, LogFormat(rawValue: logFormat) == nil {
            throw ValidationError("--log-format \(logFormat): text or json")
        }
        if keys != nil, insecurePlainTCP {
            throw ValidationError("--keys and --insecure-plain-tcp exclude each other")
        }
        do {
            if let connect { _ = try Endpoint.checked(connect, insecure: mayLeave, connects: true) }
            if let dataBind { _ = try Endpoint.checkedHost(dataBind, insecure: mayLeave) }
        } catch { throw ValidationError("\(error)") }
    }

    /// Whether its TCP may go beyond this machine.
    private var mayLeave: Bool { insecurePlainTCP || keys != nil }

    /// How the worker ends, as its exit code: 0 done, 1 failed, 2 refused, 4 the coordinator is gone.
    func work() -> Int32 {
        let kernels: KernelLevel
        do throws(ProcessKernels.Unavailable) { kernels = try takeKernels() } catch { return complain("\(error)", 2) }
        let request = LeaveRequest()
        let key: KeyFile?
        let roots: ModelRoots
        var address: String?
        do {
            // libzmq's, the engine's, and what reading a model takes.
            try ProcessLimits.require(
                descriptors: 40, threads: computeThreads + 8, bytes: (computeThreads + 16) * 8 << 20)
            address = try dataBind.map { try ownAddress($0) }
            key = try keys.map { try KeyFile(contentsOf: $0, role: .worker) }
            roots = try ModelRoots(modelRoot)
        } catch { return complain("\(error)", 2) }
        if key == nil, let connect, let endpoint = try? Endpoint.checked(connect, insecure: mayLeave),
            let warning = Endpoint.plainWarning(endpoint)
        {
            WorkerLog.log.warning("\(warning)")
        }
        do throws(CoordinatorSearch.Failure) {
            let found = try findCoordinator { request.reason }
            return work(at: found, kernels, address, key, roots, request)
        } catch {
            switch error {
            case .unusable(let line): return complain(line, 2)
            case .deadline(let line): return complain(line, 4)
            case .stopped(let line): return say(line)
            }
        }
    }

    /// The kernel level this program runs at; it may start itself again for that.
    /// - Throws: `ProcessKernels.Unavailable`.
    private func takeKernels() throws(ProcessKernels.Unavailable) -> KernelLevel {
        guard idleEngine == nil else { return .portable }
        return try ProcessKernels.begin(at: level.flatMap { KernelLevel(rawValue: $0) }) {
            WorkerLog.log.warning("\($0)")
        }
    }

    private var computeThreads: Int { threads ?? max(1, ProcessInfo.processInfo.activeProcessorCount) }

    /// `--data-bind` as an address.
    /// - Throws: `Endpoint.Refusal`, `HostAddress.Unknown`.
    private func ownAddress(_ text: String) throws -> String {
        let host = try HostAddress.addresses(of: try Endpoint.checkedHost(text, insecure: mayLeave))[0]
        return try Endpoint.checkedHost(host, insecure: mayLeave)
    }

    /// A fixed address is taken as it is, unless the way there is to tell this worker's own address; a name is looked up.
    private func findCoordinator(
        _ stopped: @escaping @Sendable () -> String?
    ) throws(CoordinatorSearch.Failure) -> CoordinatorSearch.Found {
        var search: CoordinatorSearch
        if let connect {
            let endpoint = (try? Endpoint.checked(connect, insecure: mayLeave)) ?? connect
            let isNear = (try? Endpoint.checked(connect, insecure: false)) != nil
            if !isName, isNear || dataBind != nil {
                return CoordinatorSearch.Found(endpoint: endpoint, localHost: "127.0.0.1")
            }
            search = CoordinatorSearch(.endpoint(endpoint))
        } else {
            search = CoordinatorSearch(.joinFile(joinFile ?? ""))
        }
        search.insecure = mayLeave
        search.patience = wait ?? search.patience
        search.stopped = stopped
        return try search.find { _ = say($0) }
    }

    /// Whether the coordinator's host is to be looked up.
    private var isName: Bool {
        guard let connect, let endpoint = try? Endpoint.checked(connect, insecure: true), endpoint.hasPrefix("tcp://"),
            let colon = endpoint.lastIndex(of: ":")
        else { return false }
        return !HostAddress.isNumeric(String(endpoint[..<colon].dropFirst(6)))
    }

    private func work(
        at found: CoordinatorSearch.Found, _ kernels: KernelLevel, _ address: String?, _ key: KeyFile?,
        _ roots: ModelRoots,
        _ request: LeaveRequest
    ) -> Int32 {
        var options = WorkerOptions(connect: found.endpoint)
        options.patience = wait ?? options.patience
        options.grace = grace ?? options.grace
        options.threads = computeThreads
        options.memoryBytes = memoryBytes
        options.name = name
        options.level = kernels
        options.keys = key
        if joinFile != nil || isName {
            // The coordinator may come back at another port, or on another machine.
            var search = CoordinatorSearch(
                joinFile.map { CoordinatorSearch.Source.joinFile($0) } ?? .endpoint(connect ?? ""))
            search.insecure = mayLeave
            options.rediscover = { [search] in search.look() }
        }
        options.logger = WorkerLog.log
        if key == nil, connect == nil, let warning = Endpoint.plainWarning(options.connect) {
            WorkerLog.log.warning("\(warning)")
        }
        var ownFolder: ScopedTemporaryDirectory?
        if options.connect.hasPrefix("tcp://") {
            options.dataHost = address ?? found.localHost ?? "127.0.0.1"
        } else if let dataFolder {
            options.dataFolder = dataFolder
        } else {
            do { ownFolder = try ScopedTemporaryDirectory(prefix: "/tmp/fl-") } catch { return complain("\(error)", 1) }
            options.dataFolder = ownFolder!.path
        }
        defer { ownFolder?.remove() }
        let parent = parent
        let runtime = WorkerRuntime(options: options, engine: makeEngine(memoryBytes: options.memoryBytes, roots)) {
            parent.map { getppid() == $0 } ?? true
        }
        request.tell { runtime.post(.leave($0)) }
        _ = say("joining \(options.connect) with \(options.threads) threads at kernel level \(kernels)")
        switch runtime.run() {
        case .goodbye: return 0
        case .refused(let reason): return complain(reason, 2)
        case .level(let level): return complain(ProcessKernels.restart(at: level), 1)
        case .coordinatorGone(let reason): return complain(reason, 4)
        case .failed(let reason): return complain(reason, 1)
        }
    }

    /// What was asked for, or most of the machine's; not more than the process may have.
    private var memoryBytes: Int {
        let wanted = memory.map { $0 * 1_073_741_824 } ?? Double(ProcessInfo.processInfo.physicalMemory) * 0.8
        return Int(min(wanted, ProcessLimits.addressSpace.map { Double($0) * 0.8 } ?? wanted))
    }

    private func makeEngine(memoryBytes: Int, _ roots: ModelRoots) -> any StageEngine {
        if let idleEngine { return IdleEngine(resultBytes: max(0, idleEngine), log: idleLog) }
        let memory = ContentMemory.ofUser(isDoubted: verifyModel)
        return TransformerEngine(memoryBytes: memoryBytes, allowed: { try roots.confined($0) }) { path in
            let checkpoint = try Checkpoint.open(try roots.confined(path))
            let report = HashingReport { WorkerLog.side.info("\($0)") }
            checkpoint.remember(memory, progress: { report.tell($0, of: $1, model: path) })
            return checkpoint
        }
    }

    private func say(_ line: String) -> Int32 {
        WorkerLog.log.info("\(line)")
        return 0
    }

    private func complain(_ reason: String, _ code: Int32) -> Int32 {
        WorkerLog.log.error("\(reason)")
        return code
    }
}
