import Keys
import Protocol
import Scheduling
import Tensors
import ZeroMQ

/// What workers say, and what bulk transfers come to, is handed on here.
extension FleetLoop {
    func handle(_ frames: [ReceivedFrame]) {
        guard frames.count >= 2, frames.count <= Limits.frames else { return }
        let session = frames[0].array
        let now = MonotonicClock.now
        receivedBytes += frames.reduce(0) { $0 + $1.count }
        do throws(ProtocolError) {
            guard let key = checkedSender(of: frames) else { return }
            if BulkHeader.marks(frames[1].bytes) {
                let outcome = bulk.heard(frames.dropFirst(), from: session, now: now) { worker in
                    key.entry == nil || core.membership[worker]?.capabilities.publicKey == key.entry?.public
                }
                return settle(outcome.map { [$0] } ?? [])
            }
            let message = try Codec.decode(ToCoordinator.self, frames[1].array)
            if case .hello(var capabilities) = message {
                if let entry = key.entry {
                    if let fault = gate?.fault(in: capabilities, of: entry) {
                        settings.report(RunOccurrence.workerRefused(worker: entry.name, fault))
                        return send(session, .refuse(reason: "\(fault)"))
                    }
                    // Nobody takes another's name; several may share a key.
                    capabilities.name = core.membership.id(named: entry.name) == nil ? entry.name : ""
                }
                return carryOut(core.hello(session, capabilities, now: now))
            }
            guard let id = core.membership.id(of: session) else {
                // Given up earlier, or of an earlier start of this run: welcome as somebody new.
                return send(session, .rejoin)
            }
            carryOut(core.heard(message, from: id, now: now), raw: frames.dropFirst(2))
        } catch {
            if case .version = error {
                let told = refusals.admit("\(error)", now: now)
                if told.omitted > 0 { settings.report(RunOccurrence.refusalsOmitted(told.omitted)) }
                if told.isTold { settings.report(RunOccurrence.otherVersion("\(error)")) }
                send(session, .refuse(reason: "\(Refusal.otherVersion("\(error)"))"))
            }
        }
    }

    /// The key a message came with (`entry` is `nil` without keys); `nil` where its owner may not speak (any more).
    private func checkedSender(of frames: [ReceivedFrame]) -> (entry: AllowList.Entry?, Void)? {
        do throws(AllowList.Refusal) {
            return (try gate?.sender(of: frames), ())
        } catch {
            let session = frames[0].array
            send(session, .refuse(reason: "\(Refusal.notAllowed("\(error)"))"))
            if let id = core.membership.id(of: session) {
                carryOut(core.lose(id, .notAllowed("\(error)")))
            }
            return nil
        }
    }

    func settle(_ outcomes: [BulkServer.Outcome]) {
        for outcome in outcomes {
            switch outcome {
            case .fetched(let key, let index, let worker, let result):
                carryOut(core.fetched(key, index: index, result, worker: worker))
            case .unsound(let key, let index, let worker, let fault):
                carryOut(core.unsound(key, index: index, worker: worker, fault))
            case .failed(let reason): events.post(.failed(.system(reason)))
            case .hopeless(let worker, let cause): carryOut(core.lose(worker, cause))
            }
        }
    }
}
