import Logging
import Protocol
import Stages
import Tensors
import ZeroMQ

/// What the coordinator and the compute thread say, and what is done about it.
extension WorkerRuntime {
    func handleControl(_ frames: [ReceivedFrame]) {
        guard let first = frames.first, !muted else { return }
        do throws(ProtocolError) {
            let message = try Codec.decode(ToWorker.self, first.array)
            lastHeard = MonotonicClock.now
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
            if !welcomed { options.logger.report(.joined(worker: worker, endpoint: endpoint)) }
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
        case .committed(let key):
            FaultInjection.reached("commit")
            forget(key)
        case .edit(let offer): startEdit(offer, raw)
        case .bulk(let ticket): bulk.ask(ticket: ticket)
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
        options.logger.report(
            .assigned(
                epoch: new.epoch, stage: new.stageIndex, stageCount: new.stageCount, layers: layers,
                model: new.model))
        previousKey = new.previousKey
        forgetSession()
        results = [:]
        retired = [:]
        bulk.callOff()
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
            options.logger.report(.failed(epoch: key.epoch, error: error))
            send(.taskFailed(key, error: cut(error)))
        }
    }

    private func offer(_ key: TaskKey, _ image: TensorBundle.Image, _ digest: String) {
        FaultInjection.reached("offer")
        results[key] = image
        digests[key] = digest
        let offer = ToCoordinator.offer(key, digest: digest, byteCount: image.byteCount)
        guard image.byteCount <= Limits.inlineBytes else { return send(offer) }
        let bytes = AlignedBuffer(byteCount: image.byteCount, zeroed: false)
        image.copyBytes(0..<image.byteCount, into: bytes.bytes)
        send(offer, raw: [.slice(bytes, 0..<bytes.byteCount)])
    }

    func cut(_ text: String) -> String { String(text.prefix(Limits.textBytes / 4)) }
}
