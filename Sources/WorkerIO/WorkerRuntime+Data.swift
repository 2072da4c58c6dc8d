import Protocol
import Stages
import ZeroMQ

/// Packets and credit between neighbouring stages.
extension WorkerRuntime {
    func openForwardLink(_ assignment: Assignment) {
        guard let next = assignment.next, let context else { return }
        do {
            try links.open(next, in: context, security: try security.forward(next, assignment.nextKey))
            sendData(.hello(epoch: assignment.epoch, credit: UInt64(DataLink.initialCredit)), to: nil)
        } catch {
            send(.assignmentFailed(epoch: assignment.epoch, error: "cannot reach the next stage at \(next): \(error)"))
        }
    }

    /// The previous stage is there: it gets credit, and its own is noted.
    func greet(_ greeting: StageLinks.Greeting) {
        guard let epoch = work.epoch else { return }
        links.greeted(greeting)
        sendData(.credit(epoch: epoch, bytes: UInt64(DataLink.initialCredit)), to: greeting.peer)
    }

    /// - Parameter sender: the previous stage's routing id; `nil` for what comes back from the next stage.
    func handleData(_ frames: [ReceivedFrame], from sender: [UInt8]?) {
        guard let first = frames.first, !isMuted, let header = try? DataHeader.decode(first.array) else { return }
        LinkFaults.pass(options.faults, header) { [self] in take(header, frames, from: sender) }
    }

    private func take(_ header: DataHeader, _ frames: [ReceivedFrame], from sender: [UInt8]?) {
        let epoch = work.epoch ?? 0
        switch header {
        case .hello(let theirs, let credit):
            guard let sender, theirs >= epoch else { return }
            let greeting = StageLinks.Greeting(peer: sender, credit: credit)
            if theirs == epoch { greet(greeting) } else { links.keep(greeting, of: theirs) }
        case .credit(let theirs, let bytes): if theirs == epoch { links.add(credit: bytes, from: sender) }
        case .packet(let header):
            guard links.accepts(header, of: epoch, from: sender),
                let packet = try? Packet(header, frames.dropFirst())
            else { return }
            guard work.tasks.isUnderWay(packet.task) || !queue.isOver(packet.task) else {
                return returnCredit(packet.creditBytes, epoch, packet.direction)
            }
            queue.post(.packet(packet, epoch: epoch, creditBytes: packet.creditBytes))
        }
    }

    /// What came forward is paid back to the previous stage, what came backward to the next one.
    func returnCredit(_ bytes: Int, _ epoch: UInt64, _ direction: Packet.Direction) {
        guard epoch == work.epoch else { return }
        sendData(.credit(epoch: epoch, bytes: UInt64(bytes)), to: direction == .forward ? links.peer : nil)
    }

    /// - Parameter peer: the previous stage; `nil` for the next one.
    private func sendData(_ header: DataHeader, _ frames: [OutgoingFrame]? = nil, to peer: [UInt8]?) {
        let frames = frames ?? [.bytes(header.encode())]
        LinkFaults.pass(options.faults, header) { [self] in
            // A neighbour that is gone is the coordinator's to notice.
            if let peer { listener?.send(frames, to: peer) } else { _ = try? links.forward?.send(frames) }
        }
    }

    func flushLinks() throws {
        guard let epoch = work.epoch, !isMuted else { return }
        while let (packet, sequence, peer) = links.next() {
            let (header, frames) = try packet.frames(epoch: epoch, sequence: sequence)
            sendData(.packet(header), frames, to: peer)
        }
        queue.setOutgoingFull(links.isFull)
    }
}
