import Protocol
import ZeroMQ

/// Packets and credit between neighbouring stages.
extension WorkerRuntime {
    func openForwardLink(_ assignment: Assignment) {
        guard let next = assignment.next, let context else { return }
        do {
            let socket = try Socket(.dealer, in: context, security: try forwardSecurity(next, assignment.nextKey))
            try socket.connect(next)
            let hello = DataHeader.hello(epoch: assignment.epoch, credit: UInt64(DataLink.initialCredit))
            _ = try socket.send([.bytes(hello.encode())])
            forward = socket
        } catch {
            send(.assignmentFailed(epoch: assignment.epoch, error: "cannot reach the next stage at \(next): \(error)"))
        }
    }

    /// The previous stage is there: it gets credit, and its own is noted.
    func greet(_ sender: [UInt8], credit: UInt64) {
        guard let epoch = assignment?.epoch else { return }
        peer = sender
        returning.credit = Int(clamping: credit)
        sendData(.credit(epoch: epoch, bytes: UInt64(DataLink.initialCredit)), to: sender)
    }

    /// - Parameter sender: the previous stage's routing id; `nil` for what comes back from the next stage.
    func handleData(_ frames: [ReceivedFrame], from sender: [UInt8]?) {
        guard let first = frames.first, !muted, let header = try? DataHeader.decode(first.array) else { return }
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
            guard theirs == epoch, bytes <= 1 << 40 else { return }
            if sender == nil { outgoing.credit += Int(bytes) } else if sender == peer { returning.credit += Int(bytes) }
        case .packet(let header):
            guard header.epoch == epoch, sender == nil || sender == peer,
                header.direction == (sender == nil ? Packet.Direction.backward : .forward).rawValue,
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
        // A neighbour that is gone is the coordinator's to notice.
        if let peer { _ = try? router?.send([.bytes(peer), frame]) } else { _ = try? forward?.send([frame]) }
    }

    func flushLinks() throws {
        guard let epoch = assignment?.epoch, !muted else { return }
        if let forward { while let packet = outgoing.pop() { _ = try forward.send(packet.frames(epoch: epoch)) } }
        if let peer {
            while let packet = returning.pop() { _ = try router?.send([.bytes(peer)] + packet.frames(epoch: epoch)) }
        }
        queue.setOutgoingFull(outgoing.waiting.count >= DataLink.fullAt)
    }

    func dropWaiting(task: UInt64) {
        outgoing.drop(task: task)
        returning.drop(task: task)
    }
}
