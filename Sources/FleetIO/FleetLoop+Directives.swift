import Contracts
import Foundation
import Protocol
import Scheduling
import Selection
import Tensors
import ZeroMQ

/// What `FleetCore` asks for is done here: messages, edits, fetches.
extension FleetLoop {
    func carryOut(_ directives: [FleetCore.Directive], raw: ArraySlice<ReceivedFrame> = []) {
        for directive in directives {
            switch directive {
            case .send(let worker, let message): send(worker, message)
            case .dismiss(let member, let message): send(member.session, message)
            case .sendTask(let worker, let key, let body): sendTask(worker, key, body)
            case .offerEdit(let worker, let epoch, let layers): offerEdit(worker, epoch, layers)
            case .fetch(let worker, let key, let index, let stage, let layers, let digest, let byteCount):
                fetch(worker, key, index, stage, layers, digest, byteCount, raw.first)
            case .dropTransfers(let epoch): bulk.drop(epoch: epoch)
            case .dropTransfer(let key): bulk.drop(key: key)
            case .returned(let worker): departed[worker] = nil
            case .discard(let result): if case .file(let path) = result.bundle { Files.removeFile(path) }
            case .ended(let member): local.kill(named: member.capabilities.name)
            case .refuse(let member, let refusal): send(member.session, .refuse(reason: "\(refusal)"))
            case .happened(let occurrence): settings.report(occurrence)
            case .event(let event):
                if case .failed(let failure) = event { settings.report(FleetOccurrence.failed(failure)) }
                events.post(event)
            }
        }
    }

    func fetch(
        _ worker: Int, _ key: TaskKey, _ index: Int, _ stage: Int, _ layers: Range<Int>, _ digest: String,
        _ byteCount: Int,
        _ inline: ReceivedFrame?
    ) {
        let name = core.membership[worker]?.name ?? "worker \(worker)"
        let scan = ResultScan(core.contract(of: index)?.result(of: layers), byteCount: byteCount)
        if let fault = scan.fault ?? (byteCount > 0 ? nil : "it has no bytes") {
            return carryOut(core.unsound(key, index: index, worker: worker, fault))
        }
        if let inline, inline.count == byteCount, byteCount <= Limits.inlineBytes {
            do throws(UnsoundResult) {
                let bundle = try inlineResult(inline, digest, scan)
                let result = StageResult(
                    stage: stage, layers: layers, digest: digest, bundle: .memory(bundle), worker: name)
                carryOut(core.fetched(key, index: index, result, worker: worker))
            } catch { carryOut(core.unsound(key, index: index, worker: worker, error.fault)) }
            return
        }
        let offer = BulkServer.Offer(
            key: key, index: index, worker: worker, name: name, stage: stage, layers: layers, digest: digest,
            byteCount: byteCount, scan: scan)
        bulk.fetch(offer, now: MonotonicClock.now) { send(worker, $0) }
    }

    /// A result that came with its offer.
    /// - Throws: `UnsoundResult` where it is another than was offered, or than its task was to have.
    private func inlineResult(
        _ inline: ReceivedFrame, _ digest: String, _ scan: ResultScan
    ) throws(UnsoundResult) -> TensorBundle {
        guard Digest.sha256(inline.bytes) == digest else { throw UnsoundResult("its digest is not the one offered") }
        var scan = scan
        scan.take(inline.bytes)
        if let fault = scan.fault { throw UnsoundResult(fault) }
        let bundle: TensorBundle
        do { bundle = try TensorBundle(safetensors: inline.bytes, source: "the result") } catch {
            throw UnsoundResult("\(error)")
        }
        if let fault = scan.finish({ bundle }) { throw UnsoundResult(fault) }
        return bundle
    }

    func sendTask(_ worker: Int, _ key: TaskKey, _ body: TaskBody) {
        // All stages of a pipeline get the same bytes, one after the other.
        if bodies?.key != key.task {
            do throws(ProtocolError) {
                let frames = try Codec.encode(body: body)
                bodies = (key.task, frames.map { .bytes($0) }, frames.reduce(0) { $0 + $1.count })
            } catch { return events.post(.failed(.system("\(error)"))) }
        }
        send(worker, .task(key, bodyBytes: bodies!.bytes), raw: bodies!.frames)
    }

    // MARK: Edits

    /// The stage's share of the edit.
    func offerEdit(_ worker: Int, _ epoch: UInt64, _ layers: Range<Int>) {
        let id = core.currentEdit
        guard let bundle = edit.bundle else {
            core.offered("", to: worker)
            return send(worker, .edit(EditOffer(epoch: epoch, edit: id, name: edit.name, digest: "", byteCount: 0)))
        }
        let entries: [TensorBundle.Entry]
        do throws(SelectionError) {
            entries = try EditKind.of(bundle).type.share(bundle, of: StagePlace(layers: layers, of: layerCount))
        } catch { return events.post(.failed(.system("\(error)"))) }
        var image = TensorBundle(metadata: bundle.metadata, entries: entries).image()
        var offer = EditOffer(epoch: epoch, edit: id, name: edit.name, digest: "", byteCount: image.byteCount)
        guard image.byteCount <= 8 << 20 else {
            return digests.async { [commands, offer, image] in
                var (offer, image) = (offer, image)
                offer.digest = image.seal()
                commands.post(.digested(offer, image, worker: worker))
            }
        }
        offer.digest = image.seal()
        offerImage(worker, offer, image)
    }

    func offerImage(_ worker: Int, _ offer: EditOffer, _ image: TensorBundle.Image) {
        // Another edit, or another pipeline, may have come meanwhile.
        guard offer.edit == core.currentEdit, core.isPlaced(worker, offer.epoch) else { return }
        core.offered(offer.digest, to: worker)
        var raw: [OutgoingFrame] = []
        if image.byteCount <= Limits.inlineBytes {
            let bytes = AlignedBuffer(byteCount: image.byteCount, zeroed: false)
            image.copyBytes(0..<image.byteCount, into: bytes.bytes)
            raw = [.slice(bytes, 0..<bytes.byteCount)]
        } else {
            bulk.lay(image, edit: offer.edit, for: worker) { send(worker, $0) }
        }
        send(worker, .edit(offer), raw: raw)
    }

    // MARK: Sending

    func send(_ worker: Int, _ message: ToWorker, raw: [OutgoingFrame] = []) {
        guard let member = core.membership[worker] else { return }
        do {
            switch try router?.send([.bytes(member.session), .bytes(Codec.encode(message))] + raw) {
            case .unknownPeer:
                // Processes of our own do not lose connections other than by their end.
                let isLocal = local.children.contains { $0.name == member.capabilities.name }
                if departed[worker] == nil {
                    departed[worker] = MonotonicClock.now + (isLocal ? 0 : settings.returning)
                }
            case .full: carryOut(core.lose(worker, .notReading))
            case .sent, nil: break
            }
        } catch { events.post(.failed(.system("\(error)"))) }
    }

    /// To somebody who is not (any more) of the fleet.
    func send(_ session: [UInt8], _ message: ToWorker) {
        guard let bytes = try? Codec.encode(message) else { return }
        _ = try? router?.send([.bytes(session), .bytes(bytes)])
    }
}
