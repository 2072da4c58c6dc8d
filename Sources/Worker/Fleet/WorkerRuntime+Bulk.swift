import Bulk
import Protocol
import Tensors
import ZeroMQ

/// Large things on their way: results to the coordinator, edits from it.
extension WorkerRuntime {
    func startEdit(_ offer: EditOffer, _ raw: ArraySlice<ReceivedFrame>) {
        guard offer.epoch == assignment?.epoch else { return }
        guard offer.byteCount > 0 else { return queue.post(.edit(nil, offer)) }
        guard offer.byteCount <= options.memoryBytes else {
            return send(
                .assignmentFailed(
                    epoch: offer.epoch,
                    error: "edit \(offer.name) of \(offer.byteCount) bytes exceeds this worker's memory"))
        }
        if let frame = raw.first {
            guard frame.count == offer.byteCount else { return }
            return finishEdit(offer, frame.bytes, digest: Digest.sha256(frame.bytes))
        }
        bulk.expect(offer, now: Clock.now)
    }

    private func finishEdit(_ offer: EditOffer, _ bytes: UnsafeRawBufferPointer, digest: String) {
        do {
            guard digest == offer.digest else {
                throw ProtocolError.malformed("edit \(offer.name): its digest differs from the one offered")
            }
            queue.post(.edit(try TensorBundle(safetensors: bytes, source: "edit \(offer.name)"), offer))
        } catch { send(.assignmentFailed(epoch: offer.epoch, error: cut("\(error)"))) }
    }

    /// Receives and sends what may be received and sent now.
    func serveBulk() throws {
        guard !muted, let context else { return }
        let now = Clock.now
        try bulk.keepOpen(options.connect, in: context, security: controlSecurity, now: now)
        while let frames = try bulk.socket?.receive() {
            if let edit = bulk.take(frames, now: now) {
                finishEdit(edit.offer, UnsafeRawBufferPointer(edit.bytes.bytes), digest: edit.digest.finish())
            }
        }
        try bulk.pump { path in
            guard case .result(let key) = path.item else { return nil }
            return results[key]
        }
    }
}
