import Bulk
import Protocol
import Selection
import Tensors
import ZeroMQ

/// Large things on their way: results to the coordinator, edits from it.
extension WorkerRuntime {
    func startEdit(_ offer: EditOffer, _ raw: ArraySlice<ReceivedFrame>) {
        guard offer.epoch == work.epoch else { return }
        switch work.edit.take(offer) {
        case .ignored: return
        case .inForce: return send(.edited(epoch: offer.epoch, edit: offer.edit))
        case .wanted: break
        }
        for key in work.tasks.dropAll() {
            links.drop(task: key.task)
            queue.post(.abort(key))
        }
        guard offer.byteCount > 0 else { return queue.post(.edit(nil, offer)) }
        guard offer.byteCount <= options.memoryBytes else {
            return send(
                .assignmentFailed(
                    epoch: offer.epoch,
                    error: "edit \(offer.name) of \(offer.byteCount) bytes exceeds this worker's memory"))
        }
        if let frame = raw.first {
            guard frame.count == offer.byteCount else { return }
            return finishEdit(offer, AlignedBuffer(bytes: frame.array), digest: Digest.sha256(frame.bytes))
        }
        bulk.expect(offer, now: MonotonicClock.now)
    }

    private func finishEdit(_ offer: EditOffer, _ bytes: AlignedBuffer, digest: String) {
        do {
            guard digest == offer.digest else {
                throw ProtocolError.malformed("edit \(offer.name): its digest differs from the one offered")
            }
            let bundle = try TensorBundle(partsOf: bytes, source: "edit \(offer.name)")
            work.edit.isTrained = try EditKind.of(bundle) == .training
            queue.post(.edit(bundle, offer))
        } catch { send(.assignmentFailed(epoch: offer.epoch, error: cut("\(error)"))) }
    }

    /// Receives and sends what may be received and sent now.
    func serveBulk() throws {
        guard !isMuted, let context else { return }
        let now = MonotonicClock.now
        try bulk.keepOpen(coordinator.endpoint, in: context, security: security.control, now: now)
        bulk.faults = options.faults
        while let frames = try bulk.socket?.receive() {
            guard let first = frames.first, let header = try? BulkHeader.decode(first.array) else { continue }
            LinkFaults.pass(options.faults, header) { [self] in
                guard let edit = bulk.take(header, frames.dropFirst(), now: now) else { return }
                finishEdit(edit.offer, edit.bytes, digest: edit.digest.finish())
            }
        }
        try bulk.pump { path in
            guard case .result(let key) = path.item else { return nil }
            return work.tasks.result(of: key)
        }
    }
}
