import Foundation
import Protocol
import Tensors
import ZeroMQ

/// What outlives a session: the assignment, tasks under way and finished results, until a coordinator says otherwise.
extension WorkerRuntime {
    /// As many as a coordinator ever has under way on one worker, with room to spare.
    private static let mostListed = 1024

    var holdings: ResumableWork? {
        guard let assignment, let runName else { return nil }
        var holdings = ResumableWork(run: runName, assignment: assignment)
        holdings.isLoaded = isLoaded
        (holdings.edit, holdings.editDigest) = (applied?.edit, applied?.digest)
        holdings.isTrained = isTrained
        holdings.tasks = contents.sorted { $0.key.task < $1.key.task }.prefix(Self.mostListed).map { key, content in
            Holding(key: key, content: content, digest: digests[key], byteCount: results[key]?.byteCount ?? 0)
        }
        return holdings
    }

    /// The coordinator does not know this session. Nothing is dropped: the hello lists it.
    func rejoin() {
        guard welcomed else { return }
        welcomed = false
        helloDue = true
    }

    func takeWelcome(run new: String?) {
        // Another run's numbers begin anew, and what an older coordinator gave out it does not ask for again.
        if wasWelcomed, new == nil || new != runName { forgetEverything() }
        runName = new
        (welcomed, wasWelcomed) = (true, true)
    }

    private func forgetEverything() {
        let epoch = max(assignment?.epoch ?? 0, highestEpoch)
        if runName != nil { highestEpoch = 0 }
        assignment = nil
        (results, retired, earlyPeers) = ([:], [:], [:])
        bulk.callOff()
        forgetSession()
        outgoing.reset()
        returning.reset()
        peer = nil
        forward?.closeWithoutLinger()
        forward = nil
        queue.enter(epoch: epoch + 1, isFirst: false, window: 1)
    }

    /// A new assignment begins with nothing.
    func forgetSession() {
        (contents, digests) = ([:], [:])
        (begun, newestEdit) = ([], 0)
        (applied, offered) = (nil, nil)
        (isLoaded, isTrained) = (false, false)
    }

    func forget(_ key: TaskKey) {
        results[key] = nil
        contents[key] = nil
        digests[key] = nil
    }

    /// Notes what a task is known by.
    func note(_ key: TaskKey, _ body: TaskBody, _ raw: [[UInt8]]) {
        var digest = StreamingDigest()
        for frame in raw { frame.withUnsafeBytes { digest.update($0) } }
        contents[key] = digest.finish()
        if body.isTraining { isTrained = true }
    }

    /// The weights are already what this edit makes of them: work under way may go on.
    func holds(_ offer: EditOffer) -> Bool { applied?.digest == offer.digest && !isTrained }

    /// Another edit: what was under way was for the one before.
    func dropWork() {
        for key in contents.keys where results[key] == nil {
            retired[key.task] = nil
            dropWaiting(task: key.task)
            queue.post(.abort(key))
        }
        (results, contents, digests) = ([:], [:], [:])
    }

    // MARK: The coordinator's whereabouts

    func noteConnection(_ event: ConnectionEvent) {
        switch event {
        case .disconnected:
            missingSince = missingSince ?? MonotonicClock.now
        case .handshakeSucceeded:
            // As somebody new to the coordinator's socket: it is told at once who that is.
            if welcomed, missingSince != nil { rejoin() }
            missingSince = nil
        default: break
        }
    }

    /// Looks whether the coordinator is somewhere else by now, off this thread: a probe may take seconds.
    func searchForCoordinator() {
        guard let rediscover = options.rediscover, !isSearching else { return }
        let now = MonotonicClock.now
        guard missingSince.map({ now - $0 > 0.3 }) ?? false || now - lastHeard > 10 else { return searchPause = 0.3 }
        guard now >= nextSearch else { return }
        isSearching = true
        Thread { [weak self] in
            let found = rediscover()
            self?.post(.found(found))
        }.start()
    }

    func found(_ new: String?) throws {
        isSearching = false
        nextSearch = MonotonicClock.now + searchPause * Double.random(in: 0.75...1.25)
        searchPause = min(4, searchPause * 1.6)
        guard let new, new != endpoint, new.hasPrefix("tcp://") == endpoint.hasPrefix("tcp://") else { return }
        endpoint = new
        control?.closeWithoutLinger()
        (control, controlMonitor) = (nil, nil)
        try connectControl()
        missingSince = nil
        (welcomed, helloDue) = (false, true)
    }
}
