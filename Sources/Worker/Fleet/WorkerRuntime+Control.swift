import Protocol
import Tensors
import ZeroMQ

/// What the coordinator and the compute thread say, and what is done about it.
extension WorkerRuntime {
    func handleControl(_ frames: [ReceivedFrame]) {
        guard let first = frames.first, !muted else { return }
        do throws(ProtocolError) {
            let message = try Codec.decode(ToWorker.self, first.array)
            lastHeard = Clock.now
            LinkFaults.pass(options.faults, message) { [self] in
                // Malformed: dropped like the rest.
                try? obey(message, frames.dropFirst())
            }
        } catch {
            if case .version = error { end = .refused("the coordinator at \(endpoint): \(error)") }
            // Anything else malformed is dropped: the coordinator's deadlines notice what is missing.
        }
    }

    private func obey(_ message: ToWorker, _ raw: ArraySlice<ReceivedFrame>) throws(ProtocolError) {
        switch message {
        case .welcome(let worker, let run):
            if !welcomed { options.note("joined", worker, 0, "the fleet at \(endpoint)") }
            takeWelcome(run: run)
        case .rejoin: rejoin()
        case .refuse(let reason): end = .refused(reason)
        case .level(let level): end = .level(level)
        case .goodbye(let reason): end = .goodbye(leaving?.reason ?? reason)
        case .ping: break
        case .assign(let assignment): take(assignment)
        case .task(let key, let bodyBytes):
            guard key.epoch == assignment?.epoch else { return }
            // Once is enough, also where the coordinator could not know that it had come.
            guard !begun.contains(key.task) else { return }
            let bytes = raw.map(\.array)
            let body = try Codec.decodeBody(bytes, byteCount: bodyBytes)
            begun.insert(key.task)
            note(key, body, bytes)
            retired[key.task] = 0
            queue.post(.begin(key, body))
        case .abort(let key):
            guard key.epoch == assignment?.epoch else { return }
            forget(key)
            retired[key.task] = nil
            dropWaiting(task: key.task)
            queue.post(.abort(key))
        case .pull(let key, let offset, let length):
            guard let image = results[key], length > 0, length <= Limits.chunkBytes, offset >= 0,
                offset <= image.byteCount - length
            else { return }
            let chunk = AlignedBuffer(byteCount: length, zeroed: false)
            image.copyBytes(offset..<offset + length, into: chunk.bytes)
            send(.chunk(key, offset: offset), raw: [.slice(chunk, 0..<length)])
            DeathWish.reached("transfer")
        case .committed(let key):
            DeathWish.reached("commit")
            forget(key)
        case .edit(let offer): startEdit(offer, raw)
        case .editChunk(let edit, let offset): takeEditChunk(edit, offset, raw.first)
        }
    }

    private func take(_ new: Assignment) {
        guard new.epoch > highestEpoch else { return }
        highestEpoch = new.epoch
        guard let layers = new.layers else {
            return send(
                .assignmentFailed(
                    epoch: new.epoch, error: "impossible assignment: layers \(new.firstLayer)..<\(new.endLayer)"))
        }
        assignment = new
        options.note(
            "assigned", "", new.epoch >> 32,
            "pipeline \(new.epoch & 0xFFFF_FFFF), stage \(new.stageIndex + 1) of \(new.stageCount), layers \(new.firstLayer) to \(new.endLayer - 1) of \(new.model)"
        )
        previousKey = new.previousKey
        forgetSession()
        results = [:]
        retired = [:]
        incomingEdit = nil
        outgoing.reset()
        returning.reset()
        peer = nil
        forward?.closeWithoutLinger()
        forward = nil
        queue.enter(epoch: new.epoch, isFirst: new.stageIndex == 0, window: new.window)
        queue.post(
            .load(
                StageAssignment(
                    model: new.model, modelDigest: new.modelDigest, layers: layers, stageIndex: new.stageIndex,
                    stageCount: new.stageCount,
                    threads: max(1, new.threads)), epoch: new.epoch, reload: false))
        openForwardLink(new)
        if let early = earlyPeers[new.epoch] { greet(early.peer, credit: early.credit) }
        earlyPeers = earlyPeers.filter { $0.key > new.epoch }
    }

    func handle(_ event: ComputeEvent) {
        switch event {
        case .loaded(let epoch):
            if epoch == assignment?.epoch { isLoaded = true }
            send(.assigned(epoch: epoch))
        case .loadFailed(let epoch, let error): send(.assignmentFailed(epoch: epoch, error: cut(error)))
        case .unfit(let epoch, let reason): send(.unfit(epoch: epoch, reason: cut(reason)))
        case .edited(let epoch, let edit):
            if let offered, offered.edit == edit, epoch == assignment?.epoch { applied = (edit, offered.digest) }
            send(.edited(epoch: epoch, edit: edit))
        case .send(let packet, let epoch):
            guard epoch == assignment?.epoch else { return }
            if packet.direction == .forward { outgoing.push(packet) } else { returning.push(packet) }
        case .consumed(let bytes, let epoch, let direction): returnCredit(bytes, epoch, direction)
        case .retired(let key): if key.epoch == assignment?.epoch { retired[key.task]? += 1 }
        case .result(let key, let image, let digest):
            guard key.epoch == assignment?.epoch else { return }
            retired[key.task] = nil
            // Called off while it was computed.
            guard contents[key] != nil else { return }
            offer(key, image, digest)
        case .failed(let key, let error):
            retired[key.task] = nil
            forget(key)
            options.note("failed", "", key.epoch >> 32, error)
            send(.taskFailed(key, error: cut(error)))
        }
    }

    private func offer(_ key: TaskKey, _ image: TensorBundle.Image, _ digest: String) {
        DeathWish.reached("offer")
        results[key] = image
        digests[key] = digest
        let offer = ToCoordinator.offer(key, digest: digest, byteCount: image.byteCount)
        guard image.byteCount <= Limits.inlineBytes else { return send(offer) }
        let bytes = AlignedBuffer(byteCount: image.byteCount, zeroed: false)
        image.copyBytes(0..<image.byteCount, into: bytes.bytes)
        send(offer, raw: [.slice(bytes, 0..<bytes.byteCount)])
    }

    private func cut(_ text: String) -> String { String(text.prefix(Limits.textBytes / 4)) }

    // MARK: Edits

    private func startEdit(_ offer: EditOffer, _ raw: ArraySlice<ReceivedFrame>) {
        // Neither twice nor an older one: tasks may have begun, and applying an edit undoes what training made.
        guard offer.epoch == assignment?.epoch, offer.edit > newestEdit else { return }
        newestEdit = offer.edit
        if holds(offer) {
            applied?.edit = offer.edit
            return send(.edited(epoch: offer.epoch, edit: offer.edit))
        }
        dropWork()
        (applied, offered, isTrained) = (nil, offer, false)
        guard offer.byteCount > 0 else { return queue.post(.edit(nil, offer)) }
        guard offer.byteCount <= options.memoryBytes else {
            return send(
                .assignmentFailed(
                    epoch: offer.epoch,
                    error: "edit \(offer.name) of \(offer.byteCount) bytes exceeds this worker's memory"))
        }
        incomingEdit = (offer, AlignedBuffer(byteCount: offer.byteCount, zeroed: false), 0, 0)
        if let frame = raw.first { return takeEditChunk(offer.edit, 0, frame) }
        askForEdit()
    }

    /// Keeps four chunks on their way.
    private func askForEdit() {
        guard var edit = incomingEdit else { return }
        while edit.asked < edit.offer.byteCount, edit.asked - edit.received < 4 * Limits.chunkBytes {
            let length = min(Limits.chunkBytes, edit.offer.byteCount - edit.asked)
            send(.pullEdit(edit: edit.offer.edit, offset: edit.asked, length: length))
            edit.asked += length
        }
        incomingEdit = edit
    }

    private func takeEditChunk(_ id: UInt64, _ offset: Int, _ frame: ReceivedFrame?) {
        guard let frame, let edit = incomingEdit, edit.offer.edit == id, offset == edit.received, frame.count > 0,
            frame.count <= edit.offer.byteCount - offset
        else { return }
        (edit.bytes.address + offset).copyMemory(from: frame.bytes.baseAddress!, byteCount: frame.count)
        incomingEdit!.received += frame.count
        incomingEdit!.asked = max(incomingEdit!.asked, incomingEdit!.received)
        guard incomingEdit!.received == edit.offer.byteCount else { return askForEdit() }
        incomingEdit = nil
        do {
            guard Digest.sha256(UnsafeRawBufferPointer(edit.bytes.bytes)) == edit.offer.digest else {
                throw ProtocolError.malformed("edit \(edit.offer.name): digest differs")
            }
            let bundle = try TensorBundle(partsOf: edit.bytes, source: "edit \(edit.offer.name)")
            isTrained = bundle.metadata["edit"] == TrainingEdit.kind
            queue.post(.edit(bundle, edit.offer))
        } catch { send(.assignmentFailed(epoch: edit.offer.epoch, error: cut("\(error)"))) }
    }
}
