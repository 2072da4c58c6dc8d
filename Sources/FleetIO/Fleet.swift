import Foundation
import Protocol
package import Scheduling
import Selection
package import Tensors
import ZeroMQ

/// The workers, used in blocking style by one driver thread; all I/O is on another.
package final class Fleet: @unchecked Sendable {
    private let settings: FleetSettings
    private let loop: FleetLoop
    private let sockets: ScopedTemporaryDirectory
    private var isOver = false
    private var joinFile: PostedJoinFile?
    /// Tasks that made the weights the workers hold now, to be run again where a worker takes its share with it.
    private var training: [FleetTask] = []

    /// Starts or awaits the workers.
    /// - Throws: `FleetError` where the address is taken or refused, or where not all workers join in time.
    package init(_ settings: FleetSettings) throws {
        self.settings = settings
        try Self.requireLimits(workers: settings.localWorkers ?? settings.awaited)
        let partials = "\(settings.runDirectory)/partials"
        let logs = "\(settings.runDirectory)/logs"
        let halves = "\(partials)/incoming"
        for folder in [partials, logs, halves] {
            do throws(InputError) { try Files.makeFolder(folder) } catch {
                throw FleetError("\(error)", isUsage: true)
            }
        }
        // Socket paths hold about 100 bytes, hence not in the run directory.
        do throws(TensorFileError) { sockets = try ScopedTemporaryDirectory(prefix: "/tmp/fl-") } catch {
            throw FleetError(
                "\(error): the workers' sockets go into /tmp, which has to be there and writable", isUsage: true)
        }
        do {
            let bind = try settings.listen.map { try Self.bindable($0, settings) }
            if let bind, settings.keys == nil, Endpoint.plainWarning(bind) != nil {
                settings.report(RunOccurrence.plainTCP(bind))
            }
            loop = try FleetLoop(
                settings: settings, bind: bind ?? "ipc://\(sockets.path)/c", partials: partials, halves: halves)
            if let count = settings.localWorkers {
                try loop.local.start(
                    count,
                    LocalWorkers.Program(
                        executable: settings.workerExecutable, endpoint: loop.endpoint, dataFolder: sockets.path,
                        threads: settings.threadsPerWorker ?? max(1, Self.processors / count),
                        memoryGiB: settings.memoryPerWorker ?? Self.memoryGiB * 0.8 / Double(count), logFolder: logs,
                        more: settings.workerArguments))
            }
        } catch {
            sockets.remove()
            throw error
        }
        loop.start()
        settings.view?.start { [loop] in loop.status }
        settings.bound(loop.endpoint)
        do {
            joinFile = try settings.joinFile.map { try PostedJoinFile(path: $0, bound: loop.endpoint) }
            try awaitWorkers()
        } catch {
            shutdown()
            throw error
        }
    }

    deinit { shutdown() }

    /// Where workers connect to.
    package var endpoint: String { loop.endpoint }
    /// Where the run is shown.
    package var viewURL: String? { settings.view?.url }
    /// The kernel level that all workers run at, and that the last bits of their results depend on.
    package var level: KernelLevel? { loop.snapshots.level }
    package var progress: FleetProgress { loop.snapshots.progress }

    /// Returns when all are there who are to come. A local worker that died and is not started again is not waited for.
    private func awaitWorkers() throws {
        let deadline = MonotonicClock.now + settings.registration
        var reunion: Double?
        while true {
            let (joined, gone) = loop.snapshots.gathering
            let count = (settings.localWorkers ?? settings.awaited) - gone.count
            if let last = gone.last, count <= 0 {
                throw FleetError("no worker is left: \(last) (see \(settings.runDirectory)/logs)")
            }
            if joined.count >= count {
                // A pipeline of an earlier start of this run goes on where it was if all its stages come back.
                if reunion == nil { reunion = MonotonicClock.now + settings.reunion }
                guard loop.snapshots.awaitsPeers, MonotonicClock.now < reunion! else {
                    return loop.commands.post(.gathered)
                }
            }
            guard joined.count >= count || MonotonicClock.now < deadline else {
                throw FleetError(missing(joined, of: count))
            }
            if case .failed(let failure) = loop.events.next(seconds: 0.05) { throw FleetError(failure) }
            if settings.stopSignal() != nil { throw stopped }
        }
    }

    private func missing(_ joined: [FleetProgress.Worker], of count: Int) -> String {
        let names = settings.localWorkers.map { count in
            (1...max(1, count)).map { "worker-\($0)" }.filter { name in !joined.contains { $0.name == name } }
        }
        let words = names.map { "\($0.joined(separator: ", ")) (see \(settings.runDirectory)/logs)" }
        return
            "\(joined.count) of \(count) workers joined at \(loop.endpoint) within \(Int(settings.registration)) s; missing: \(words ?? "\(count - joined.count)")"
    }

    /// Shares the model out and waits until every worker has loaded its layers, unedited.
    /// - Throws: `FleetError`.
    package func use(model: ModelPlan) throws {
        training = []
        loop.events.clear()
        loop.commands.post(.use(model))
        try awaitReady("the workers to load \(model.path)")
    }

    /// Makes `edit` (`nil`: the unedited weights) current for all tasks that follow.
    /// - Throws: `FleetError`; `SelectionError.unknownEdit` where the edit is of no known kind.
    package func apply(edit: TensorBundle?, name: String) throws {
        if let edit { _ = try EditKind.of(edit) }
        training = []
        loop.events.clear()
        loop.commands.post(.edit(edit, name: name))
        try awaitReady("the workers to apply the edit \(name)")
    }

    /// Says that `edit` makes the weights that the last run of fine-tuning left: workers that come later get it.
    /// - Throws: `FleetError`.
    package func rebase(edit: TensorBundle, name: String) throws {
        training = []
        loop.events.clear()
        loop.commands.post(.rebase(edit, name: name))
        try awaitReady("the workers to take over the \(name)")
    }

    private func awaitReady(_ what: String) throws {
        let deadline = MonotonicClock.now + settings.loading
        while MonotonicClock.now < deadline {
            switch loop.events.next(seconds: 1) {
            case .ready: return
            case .failed(let failure): throw FleetError(failure)
            case .stopped: throw stopped
            default: continue
            }
        }
        throw FleetError("waited \(Int(settings.loading)) s for \(what)")
    }

    /// A task's results, all of its stages'.
    package typealias Recorded = (index: Int, results: [StageResult])

    /// Runs tasks until all are committed.
    /// - Parameters:
    ///   - progress: called on this thread, at most four times a second.
    ///   - recorded: called on this thread with the results of tasks as soon as they are whole, in any order, several at
    ///     once where they came together; workers keep theirs until it returns.
    ///   - committed: called on this thread in index order with the results of a task's stages, in stage order.
    /// - Throws: `FleetError`, `Stopped`, or what `recorded` or `committed` threw.
    package func run(
        _ tasks: [FleetTask], label: String, progress: (FleetProgress) -> Void = { _ in },
        recorded: ([Recorded]) throws -> Void = { _ in },
        committed: (Int, [StageResult]) throws -> Void
    ) throws {
        let trains = tasks.contains { $0.body.isTraining }
        var first = 0
        while first < tasks.count {
            let done = try attempt(Array(tasks[first...]), label, holdsTraining: trains, progress) {
                try recorded($0.map { (first + $0.index, $0.results) })
            } committed: {
                try committed(first + $0, $1)
            }
            first += done.count
            guard let cause = done.trainingLost else { break }
            settings.report(RunOccurrence.trainingAgain(cause))
            let again = training
            let repeated = try attempt(
                again, "\(label): fine-tuning again", holdsTraining: true, progress, recorded: { _ in }
            ) { _, results in
                for case .file(let path) in results.map(\.bundle) { Files.removeFile(path) }
            }
            if let cause = repeated.trainingLost { throw FleetError("fine-tuned weights were lost twice: \(cause)") }
        }
        if trains { training = tasks }
    }

    private func attempt(
        _ tasks: [FleetTask], _ label: String, holdsTraining: Bool, _ progress: (FleetProgress) -> Void,
        recorded: ([Recorded]) throws -> Void, committed: (Int, [StageResult]) throws -> Void
    ) throws -> (count: Int, trainingLost: InterruptionCause?) {
        let began = MonotonicClock.now
        var shown = 0.0
        var count = 0
        loop.events.clear()
        loop.commands.post(.run(tasks, label: label))
        var succeeded = false
        defer { loop.commands.post(.endRun(holdsTraining: succeeded && holdsTraining)) }
        func show(_ now: Double) {
            shown = now
            var state = loop.snapshots.progress
            (state.label, state.seconds) = (label, now - began)
            progress(state)
        }
        while true {
            switch loop.events.next(seconds: 0.25) {
            case .recorded(let index, let results):
                // One flush of the disk for all that has come while the last one took its time.
                let others: [Recorded] = loop.events.takeAll {
                    if case .recorded(let index, let results) = $0 { (index, results) } else { nil }
                }
                try recorded([(index, results)] + others)
                for task in [index] + others.map(\.index) { loop.commands.post(.onRecord(task)) }
            case .committed(let index, let results):
                try committed(index, results)
                count += 1
                loop.commands.post(.acknowledge(index))
            case .finished:
                succeeded = true
                var state = loop.snapshots.progress
                state.label = label
                (state.tasksDone, state.tasks) = (tasks.count, tasks.count)
                state.cost = tasks.reduce(0) { $0 + $1.cost }
                (state.costDone, state.seconds) = (state.cost, MonotonicClock.now - began)
                progress(state)
                return (count, nil)
            case .failed(let failure): throw FleetError(failure)
            case .trainingLost(let cause): return (count, cause)
            case .stopped: throw stopped
            case .membership, .ready, nil: break
            }
            let now = MonotonicClock.now
            if now - shown >= 0.25 { show(now) }
        }
    }

    /// Has a worker leave when it has finished what it runs and others can go on. From any thread.
    package func drain(worker name: String) { loop.commands.post(.drain(name)) }

    /// Ends the work under way: what ends within so many seconds is recorded, then the caller's call throws `Stopped`, as do
    /// those that follow. From any thread.
    package func stop(within seconds: Double) { loop.commands.post(.stop(within: seconds)) }

    /// Ends at once: nobody is waited for or told. Local workers notice by themselves.
    package func abandon() {
        joinFile?.remove()
        sockets.remove()
    }

    private var stopped: Stopped { Stopped(signal: settings.stopSignal(), resume: settings.resume) }

    /// Ends the workers and removes the sockets. May be called more than once.
    package func shutdown() {
        guard !isOver else { return }
        isOver = true
        joinFile?.remove()
        loop.stop()
        settings.view?.stop()
        sockets.remove()
    }

    // MARK: The machine

    private static var processors: Int { max(1, ProcessInfo.processInfo.activeProcessorCount) }
    private static var memoryGiB: Double { Double(ProcessInfo.processInfo.physicalMemory) / 1_073_741_824 }

    /// - Throws: `FleetError`: libzmq would end this program where it does not get what it needs.
    private static func requireLimits(workers: Int) throws(FleetError) {
        do throws(ProcessLimits.Shortage) {
            try ProcessLimits.require(descriptors: 48 + 4 * workers, threads: 16, bytes: 256 << 20)
        } catch { throw FleetError(error.description, isUsage: true) }
    }

    /// Where to listen, with numbers for names.
    /// - Throws: `Endpoint.Refusal`; `FleetError` for a name that is nobody's.
    private static func bindable(_ listen: String, _ settings: FleetSettings) throws -> String {
        let mayLeave = settings.insecurePlainTCP || settings.keys != nil
        let endpoint = try Endpoint.checked(listen, insecure: true)
        let resolved: String
        do throws(HostAddress.Unknown) { resolved = try HostAddress.resolved(endpoint) } catch {
            throw FleetError("--listen \(listen): \(error)", isUsage: true)
        }
        // What a name means decides, not how it reads.
        return try Endpoint.checked(resolved, insecure: mayLeave)
    }
}
