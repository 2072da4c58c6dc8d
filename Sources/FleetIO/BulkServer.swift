import Bulk
import Contracts
import Dispatch
import Foundation
import Protocol
import Scheduling
import Tensors
import ZeroMQ

/// The coordinator's end of all bulk connections: fetches results into files, hands out edits. Used by the I/O thread.
///
/// A worker's bulk connection is a second session at the control socket, which proves by a ticket whose it is. A large
/// transfer on it never stands in front of a beat or a task, and its end says nothing about the worker: only bytes that do
/// not come for too long do.
final class BulkServer {
    /// A result that a worker has offered.
    struct Offer {
        var key: TaskKey
        var index: Int
        var worker: Int
        var name: String
        var stage: Int
        var layers: Range<Int>
        var digest: String
        var byteCount: Int
        /// What its bytes are checked by as they come.
        var scan: ResultScan
    }

    private struct Fetch {
        var offer: Offer
        var writer: ResultWriter
        var half: String
        /// Tells its writer's events from those of an earlier one of the same path.
        var number: Int
        var damages = 0
        var hasRestarted = false
    }

    /// What a result writer says, on its way to the I/O thread.
    package struct Report: Sendable {
        fileprivate var path: BulkPath
        fileprivate var number: Int
        fileprivate var event: ResultWriter.Event
    }

    /// What the I/O thread has to do about a report, or about time.
    enum Outcome {
        case fetched(TaskKey, index: Int, worker: Int, StageResult)
        case failed(String)
        /// All that was offered came, or enough of it to tell that it is no result of its task.
        case unsound(TaskKey, index: Int, worker: Int, fault: String)
        /// This worker's bytes cannot be had.
        case hopeless(worker: Int, cause: LossCause)
    }

    /// Seconds without a byte after which a connection is opened anew, and how often in a row.
    static let patience = 15.0
    static let attempts = 8

    private let partials: String
    private let halves: PartialFiles
    /// Where all is written.
    let queue = DispatchQueue(label: "faultline.bulk")
    private let settings: FleetSettings
    private let report: @Sendable (Report) -> Void
    private var fetches: [BulkPath: Fetch] = [:]
    private var count = 0
    private var receiver = BulkReceiver()
    private var sender = BulkSender()
    private var images: [Int: (edit: UInt64, image: TensorBundle.Image)] = [:]
    private var sessions = BulkSessions()

    /// - Parameters:
    ///   - halves: a folder beside `partials`, for results that are on their way.
    ///   - report: called on another thread; what it is given belongs to `take(_:)`.
    init(
        partials: String, halves: String, settings: FleetSettings, report: @escaping @Sendable (Report) -> Void
    ) {
        (self.partials, self.settings, self.report) = (partials, settings, report)
        self.halves = PartialFiles(folder: halves)
    }

    // MARK: Results

    /// Begins to fetch, or goes on where an earlier attempt at the same bytes ended.
    func fetch(_ offer: Offer, now: Double, control: (ToWorker) -> Void) {
        let path = BulkPath(peer: offer.worker, .result(offer.key))
        guard offer.byteCount > 0, offer.byteCount <= Limits.bulkBytes, fetches[path] == nil else { return }
        count += 1
        let number = count
        let half = halves.path(offer.digest, except: halvesInUse)
        let writer = ResultWriter(
            path: half, byteCount: offer.byteCount, digest: offer.digest, scan: offer.scan, queue: queue,
            report: settings.report
        ) { [report] in report(Report(path: path, number: number, event: $0)) }
        fetches[path] = Fetch(offer: offer, writer: writer, half: half, number: number)
        open(offer.worker, control)
    }

    private var halvesInUse: Set<String> { Set(fetches.values.map(\.half)) }

    /// Results of this epoch are not wanted any more; their halves stay for a while.
    func drop(epoch: UInt64) {
        for (path, fetch) in fetches where fetch.offer.key.epoch == epoch { end(path) }
        halves.trim(to: PartialFiles.mostKept, except: halvesInUse)
    }

    /// This attempt is not wanted any more.
    func drop(key: TaskKey) {
        for (path, fetch) in fetches where fetch.offer.key == key { end(path) }
        halves.trim(to: PartialFiles.mostKept, except: halvesInUse)
    }

    /// A run is over: nobody will ask for the halves that are left.
    func tidy() { halves.trim(to: 0, except: halvesInUse) }

    private func end(_ path: BulkPath) {
        guard let fetch = fetches.removeValue(forKey: path) else { return }
        fetch.writer.close()
        receiver.close(path)
        say(path.peer, .stop(path.item))
    }

    /// What a result writer said.
    func take(_ report: Report, now: Double) -> Outcome? {
        let path = report.path
        guard let fetch = fetches[path], fetch.number == report.number else {
            // Finished after all, and nobody wants it.
            if case .finished(let file) = report.event { Files.removeFile(file) }
            return nil
        }
        let offer = fetch.offer
        switch report.event {
        case .opened(let count):
            if count > 0 {
                settings.report(
                    RunOccurrence.transferContinued(task: offer.index, stage: offer.stage, bytes: count))
            }
            receiver.open(path, byteCount: offer.byteCount, from: count, now: now)
            finishWhereComplete(path)
        case .written(let count):
            receiver.settle(path, count: count)
            finishWhereComplete(path)
        case .damaged(let offset):
            fetches[path]!.damages += 1
            settings.report(RunOccurrence.damagedChunk(worker: offer.name, task: offer.index, offset: offset))
            guard fetches[path]!.damages < Self.attempts else {
                return .hopeless(worker: offer.worker, cause: .damagedBytes)
            }
            receiver.rewind(path, to: offset, now: now)
        case .mismatched:
            guard !fetch.hasRestarted else {
                return unsound(path, offer, "its digest is not the one offered")
            }
            fetches[path]!.hasRestarted = true
            fetch.writer.restart()
            receiver.rewind(path, to: 0, now: now)
        case .finished(let file):
            fetches[path] = nil
            receiver.close(path)
            return .fetched(
                offer.key, index: offer.index, worker: offer.worker,
                StageResult(
                    stage: offer.stage, layers: offer.layers, digest: offer.digest, bundle: .file(file),
                    worker: offer.name))
        case .unsound(let fault): return unsound(path, offer, fault)
        case .failed(let reason):
            end(path)
            return .failed(reason)
        }
        return nil
    }

    private func unsound(_ path: BulkPath, _ offer: Offer, _ fault: String) -> Outcome {
        end(path)
        return .unsound(offer.key, index: offer.index, worker: offer.worker, fault: fault)
    }

    private func finishWhereComplete(_ path: BulkPath) {
        guard receiver.isComplete(path), let fetch = fetches[path] else { return }
        let offer = fetch.offer
        fetch.writer.finish(
            as: "\(partials)/task-\(offer.key.task)-stage-\(offer.stage)-epoch-\(offer.key.epoch).safetensors")
    }

    // MARK: Edits

    /// What `worker` may ask for as edit `edit`.
    func lay(_ image: TensorBundle.Image, edit: UInt64, for worker: Int, control: (ToWorker) -> Void) {
        images[worker] = (edit, image)
        open(worker, control)
    }

    func clearEdits() { images = [:] }

    // MARK: Connections

    /// Has the worker open its bulk connection, where it has none.
    private func open(_ worker: Int, _ control: (ToWorker) -> Void) {
        if let ticket = sessions.newTicket(for: worker) { control(.bulk(ticket: ticket)) }
    }

    /// A message of a bulk connection.
    /// - Parameter mayBe: whether the sender's key is that worker's.
    func heard(
        _ frames: ArraySlice<ReceivedFrame>, from session: [UInt8], now: Double, mayBe: (Int) -> Bool
    ) -> Outcome? {
        guard let first = frames.first, let header = try? BulkHeader.decode(first.array) else { return nil }
        if case .hello(let ticket) = header {
            guard let worker = sessions.take(session, ticket: ticket, mayBe: mayBe) else { return nil }
            sender.drop(worker)
            receiver.link(worker, now: now)
            return nil
        }
        guard let worker = sessions.owner(of: session), mayBe(worker) else { return nil }
        switch header {
        case .chunk(let item, let offset, let sum):
            let path = BulkPath(peer: worker, item)
            guard frames.count == 2, let frame = frames.last, let fetch = fetches[path],
                receiver.take(path, offset: offset, count: frame.count, now: now)
            else { return nil }
            sessions.moved(worker)
            fetch.writer.take(frame, offset: offset, sum: sum)
        case .gone(let item):
            // Nobody forgets what was not called off: its task would wait for ever.
            guard fetches[BulkPath(peer: worker, item)] != nil else { return nil }
            return .hopeless(worker: worker, cause: .resultMissing)
        default: sender.take(header, from: worker)
        }
        return nil
    }

    private var farewells: [(worker: Int, header: BulkHeader)] = []
    private func say(_ worker: Int, _ header: BulkHeader) { farewells.append((worker, header)) }

    /// Sends what may be sent now.
    func pump(now: Double, send: ([UInt8], [OutgoingFrame]) -> Socket.SendOutcome) {
        var lost: Set<Int> = []
        func tell(_ worker: Int, _ frames: [OutgoingFrame]) -> Socket.SendOutcome {
            guard let session = sessions.session(of: worker), !lost.contains(worker) else { return .unknownPeer }
            let outcome = send(session, frames)
            if outcome == .unknownPeer { lost.insert(worker) }
            return outcome
        }
        let last = farewells
        farewells = []
        for (worker, header) in last { _ = tell(worker, [.bytes(header.encode())]) }
        for (path, header) in receiver.grants() { _ = tell(path.peer, [.bytes(header.encode())]) }
        sender.pump { path in
            guard case .edit(let edit) = path.item, let (id, image) = images[path.peer], id == edit else { return nil }
            return image
        } send: {
            tell($0, $1)
        }
        for worker in lost { cut(worker: worker, now) }
    }

    /// Its bulk connection is gone.
    private func cut(worker: Int, _ now: Double) {
        sessions.close(worker)
        receiver.unlink(worker, now: now)
        sender.drop(worker)
    }

    /// Opens anew what does not move; forgets who is no member any more.
    func tick(now: Double, members: [Int], control: (Int, ToWorker) -> Void) -> [Outcome] {
        for worker in sessions.workers where !members.contains(worker) { forget(worker, now) }
        for (worker, ticket) in sessions.overdue(now: now) { control(worker, .bulk(ticket: ticket)) }
        var outcomes: [Outcome] = []
        for worker in receiver.stalled(now: now, after: Self.patience) {
            guard let (ticket, attempts) = sessions.stalled(worker) else { continue }
            if attempts > Self.attempts {
                let seconds = Int(Self.patience) * Self.attempts
                outcomes.append(.hopeless(worker: worker, cause: .resultsNotArriving(seconds: seconds)))
                continue
            }
            cut(worker: worker, now)
            control(worker, .bulk(ticket: ticket))
        }
        return outcomes
    }

    private func forget(_ worker: Int, _ now: Double) {
        for path in fetches.keys where path.peer == worker { end(path) }
        cut(worker: worker, now)
        sessions.forget(worker)
        images[worker] = nil
    }

    /// Stops writing. Halves stay, for the run that goes on.
    func stop() { for path in fetches.keys { end(path) } }
}
