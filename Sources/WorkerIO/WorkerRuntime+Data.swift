import Protocol
import Stages
import ZeroMQ

/// Packets and credit between neighbouring stages.
extension WorkerRuntime {
    func openForwardLink(_ assignment: Assignment) {
        guard let next = assignment.next, let context else { return }
        do {
            let socket = try Socket(.dealer, in: context, security: try forwardSecurity(next, assignment.nextKey))
            try socket.connect(next)
            forward = socket
            sendData(.hello(epoch: assignment.epoch, credit: UInt64(DataLink.initialCredit)), to: nil)
        } catch {
            send(.assignmentFailed(epoch: assignment.epoch, error: "cannot reach the next stage at \(next): \(error)"))
        }
    }

    /// The previous stage is there: it gets credit, and its own is noted.
    func greet(_ sender: [UInt8], credit: UInt64) {
        guard let epoch = assignment?.epoch else { return }
        peer = sender
        returning.credit = Int(min(credit, DataLink.mostCredit))
        sendData(.credit(epoch: epoch, bytes: UInt64(DataLink.initialCredit)), to: sender)
    }

    /// - Parameter sender: the previous stage's routing id; `nil` for what comes back from the next stage.
    func handleData(_ frames: [ReceivedFrame], from sender: [UInt8]?) {
        guard let first = frames.first, !muted, let header = try? DataHeader.decode(first.array) else { return }
        LinkFaults.pass(options.faults, header) { [self] in take(header, frames, from: sender) }
    }

    private func take(_ header: DataHeader, _ frames: [ReceivedFrame], from sender: [UInt8]?) {
        let epoch = assignment?.epoch ?? 0
        switch header {
        case .hello(let theirs, let credit):
            guard let sender, theirs >= epoch else { return }
            if theirs == epoch {
                greet(sender, credit: credit)
            } else if earlyPeers.count < 64 {
                earlyPeers[theirs] = (sender, credit)
            }
        case .credit(let theirs, let bytes):
            guard theirs == epoch else { return }
            if sender == nil { outgoing.add(bytes) } else if sender == peer { returning.add(bytes) }
        case .packet(let header):
            moved += 1
            guard header.epoch == epoch, sender == nil || sender == peer,
                header.direction == (sender == nil ? Packet.Direction.backward : .forward).rawValue,
                sender == nil ? outgoing.accepts(header.sequence) : returning.accepts(header.sequence),
                let packet = try? Packet(header, frames.dropFirst())
            else { return }
            guard retired[packet.task] != nil || !queue.isOver(packet.task) else {
                return returnCredit(packet.creditBytes, epoch, packet.direction)
            }
            queue.post(.packet(packet, epoch: epoch, creditBytes: packet.creditBytes))
        }
    }

    /// What came forward is paid back to the previous stage, what came backward to the next one.
    func returnCredit(_ bytes: Int, _ epoch: UInt64, _ direction: Packet.Direction) {
        guard epoch == assignment?.epoch else { return }
        sendData(.credit(epoch: epoch, bytes: UInt64(bytes)), to: direction == .forward ? peer : nil)
    }

    private func sendData(_ header: DataHeader, to peer: [UInt8]?) {
        let frame = OutgoingFrame.bytes(header.encode())
        LinkFaults.pass(options.faults, header) { [self] in
            // A neighbour that is gone is the coordinator's to notice.
            if let peer { _ = try? router?.send([.bytes(peer), frame]) } else { _ = try? forward?.send([frame]) }
        }
    }

    func flushLinks() throws {
        guard let epoch = assignment?.epoch, !muted else { return }
        if forward != nil { while let packet = outgoing.pop() { try send(packet, epoch, outgoing.sent, to: nil) } }
        if let peer { while let packet = returning.pop() { try send(packet, epoch, returning.sent, to: peer) } }
        queue.setOutgoingFull(outgoing.waiting.count >= DataLink.fullAt)
    }

    private func send(_ packet: Packet, _ epoch: UInt64, _ sequence: UInt64, to peer: [UInt8]?) throws {
        moved += 1
        let (header, frames) = try packet.frames(epoch: epoch, sequence: sequence)
        LinkFaults.pass(options.faults, DataHeader.packet(header)) { [self] in
            if let peer { _ = try? router?.send([.bytes(peer)] + frames) } else { _ = try? forward?.send(frames) }
        }
    }

    func dropWaiting(task: UInt64) {
        outgoing.drop(task: task)
        returning.drop(task: task)
    }
}
