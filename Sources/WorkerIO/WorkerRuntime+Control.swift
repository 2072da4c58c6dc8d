import Logging
import Protocol
import Stages
import Tensors
import ZeroMQ

/// What the coordinator and the compute thread say, and what is done about it.
extension WorkerRuntime {
    func handleControl(_ frames: [ReceivedFrame]) {
        guard let first = frames.first, !isMuted else { return }
        do throws(ProtocolError) {
            let message = try Codec.decode(ToWorker.self, first.array)
            session.heard(now: MonotonicClock.now)
            LinkFaults.pass(options.faults, message) { [self] in
                // Malformed: dropped like the rest.
                try? obey(message, frames.dropFirst())
            }
        } catch {
            if case .version = error { end = .refused("the coordinator at \(coordinator.endpoint): \(error)") }
            // Anything else malformed is dropped: the coordinator's deadlines notice what is missing.
        }
    }

    private func obey(_ message: ToWorker, _ raw: ArraySlice<ReceivedFrame>) throws(ProtocolError) {
        switch message {
        case .welcome(let worker, let run): takeWelcome(worker, run: run)
        // Nothing is dropped: the hello lists it.
        case .rejoin: session.rejoin()
        case .refuse(let reason): end = .refused(reason)
        case .level(let level): end = .level(level)
        case .goodbye(let reason): end = .goodbye(departure?.reason ?? reason)
        case .ping: break
        case .assign(let assignment): take(assignment)
        case .task(let key, let bodyBytes): try begin(key, bodyBytes, raw.map(\.array))
        case .abort(let key):
            guard key.epoch == work.epoch else { return }
            work.tasks.drop(key)
            links.drop(task: key.task)
            queue.post(.abort(key))
        case .committed(let key):
            FaultInjection.reached("commit")
            work.tasks.forget(key)
        case .edit(let offer): startEdit(offer, raw)
        case .bulk(let ticket): bulk.ask(ticket: ticket)
        }
    }

    private func takeWelcome(_ worker: String, run: String?) {
        if !session.isWelcome {
            options.logger.report(.joined(worker: worker, endpoint: coordinator.endpoint))
        }
        if session.wasWelcome, work.isForeign(to: run) {
            let epoch = work.forgetEverything()
            bulk.callOff()
            links.reset()
            links.forgetEarly()
            queue.enter(epoch: epoch, isFirst: false, window: 1)
        }
        work.belongs(to: run)
        session.welcome()
    }

    private func begin(_ key: TaskKey, _ byteCount: Int, _ frames: [[UInt8]]) throws(ProtocolError) {
        // Once is enough, also where the coordinator could not know that it had come.
        guard key.epoch == work.epoch, !work.tasks.hasBegun(key.task) else { return }
        let body = try Codec.decodeBody(frames, byteCount: byteCount)
        var digest = StreamingDigest()
        for frame in frames { frame.withUnsafeBytes { digest.update($0) } }
        work.tasks.begin(key, content: digest.finish())
        if body.isTraining { work.edit.isTrained = true }
        queue.post(.begin(key, body))
    }

    private func take(_ new: Assignment) {
        guard work.isNew(new.epoch) else { return }
        guard let layers = new.layers else {
            return send(
                .assignmentFailed(
                    epoch: new.epoch, error: "impossible assignment: layers \(new.firstLayer)..<\(new.endLayer)"))
        }
        work.begin(new)
        options.logger.report(
            .assigned(
                epoch: new.epoch, stage: new.stageIndex, stageCount: new.stageCount, layers: layers,
                model: new.model))
        listener?.previousKey = new.previousKey
        bulk.callOff()
        links.reset()
        queue.enter(epoch: new.epoch, isFirst: new.stageIndex == 0, window: new.window)
        queue.post(
            .load(
                StageAssignment(
                    model: new.model, modelDigest: new.modelDigest, layers: layers, stageIndex: new.stageIndex,
                    stageCount: new.stageCount,
                    threads: max(1, new.threads)), epoch: new.epoch, reload: false))
        openForwardLink(new)
        if let early = links.takeEarly(of: new.epoch) { greet(early) }
    }

    func handle(_ event: ComputeEvent) {
        switch event {
        case .loaded(let epoch):
            if epoch == work.epoch { work.isLoaded = true }
            send(.assigned(epoch: epoch))
        case .loadFailed(let epoch, let error): send(.assignmentFailed(epoch: epoch, error: cut(error)))
        case .unfit(let epoch, let reason): send(.unfit(epoch: epoch, reason: cut(reason)))
        case .edited(let epoch, let edit):
            if epoch == work.epoch { work.edit.finish(edit) }
            send(.edited(epoch: epoch, edit: edit))
        case .send(let packet, let epoch): if epoch == work.epoch { links.push(packet) }
        case .consumed(let bytes, let epoch, let direction): returnCredit(bytes, epoch, direction)
        case .retired(let key): if key.epoch == work.epoch { work.tasks.advance(key.task) }
        case .result(let key, let image, let digest):
            guard key.epoch == work.epoch, work.tasks.finish(key, image, digest: digest) else { return }
            offer(key, image, digest)
        case .failed(let key, let error):
            work.tasks.drop(key)
            options.logger.report(.failed(epoch: key.epoch, error: error))
            send(.taskFailed(key, error: cut(error)))
        }
    }

    private func offer(_ key: TaskKey, _ image: TensorBundle.Image, _ digest: String) {
        FaultInjection.reached("offer")
        let offer = ToCoordinator.offer(key, digest: digest, byteCount: image.byteCount)
        guard image.byteCount <= Limits.inlineBytes else { return send(offer) }
        let bytes = AlignedBuffer(byteCount: image.byteCount, zeroed: false)
        image.copyBytes(0..<image.byteCount, into: bytes.bytes)
        send(offer, raw: [.slice(bytes, 0..<bytes.byteCount)])
    }

    func cut(_ text: String) -> String { String(text.prefix(Limits.textBytes / 4)) }
}
