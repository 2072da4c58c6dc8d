import Bulk
import Protocol
import Testing

struct BulkReceiverTests {
    private let chunk = Limits.chunkBytes
    private func path(_ peer: Int, _ task: UInt64 = 1) -> BulkPath {
        BulkPath(peer: peer, .result(TaskKey(epoch: 1, task: task)))
    }

    private func taken(_ receiver: inout BulkReceiver, _ path: BulkPath, offset: Int, count: Int, now: Double) {
        let isTaken = receiver.take(path, offset: offset, count: count, now: now)
        #expect(isTaken)
    }

    private func refused(_ receiver: inout BulkReceiver, _ path: BulkPath, offset: Int, count: Int, now: Double) {
        let isTaken = receiver.take(path, offset: offset, count: count, now: now)
        #expect(!isTaken)
    }

    private func grants(_ receiver: inout BulkReceiver) -> [BulkHeader] { receiver.grants().map(\.header) }

    @Test func roomMovesOnWithWhatIsSafe() {
        var said: [BulkHeader] = []
        var receiver = BulkReceiver(window: 4 * chunk, budget: 64 * chunk)
        let path = path(1)
        receiver.open(path, byteCount: 10 * chunk, from: 0, now: 0)
        said = grants(&receiver)
        #expect(said.isEmpty)
        receiver.link(1, now: 0)
        said = grants(&receiver)
        #expect(said == [.get(path.item, offset: 0, limit: 4 * chunk)])
        said = grants(&receiver)
        #expect(said.isEmpty)
        taken(&receiver, path, offset: 0, count: chunk, now: 1)
        // Taken is not safe: nothing more may come for it.
        said = grants(&receiver)
        #expect(said.isEmpty && receiver.outstanding == 4 * chunk)
        receiver.settle(path, count: chunk)
        said = grants(&receiver)
        #expect(said == [.credit(path.item, limit: 5 * chunk)])
        #expect(receiver.outstanding == 4 * chunk)
    }

    @Test func onlyTheChunkThatIsDueIsTaken() {
        var said: [BulkHeader] = []
        var receiver = BulkReceiver()
        let path = path(1)
        receiver.open(path, byteCount: 3 * chunk, from: chunk, now: 0)
        receiver.link(1, now: 0)
        refused(&receiver, path, offset: chunk, count: chunk, now: 0)
        said = grants(&receiver)
        #expect(said == [.get(path.item, offset: chunk, limit: 3 * chunk)])
        for (offset, count) in [(0, chunk), (2 * chunk, chunk), (chunk, 0), (chunk, 3 * chunk)] {
            refused(&receiver, path, offset: offset, count: count, now: 0)
        }
        refused(&receiver, self.path(2), offset: chunk, count: chunk, now: 0)
        taken(&receiver, path, offset: chunk, count: chunk, now: 0)
        refused(&receiver, path, offset: chunk, count: chunk, now: 0)
    }

    @Test func anotherConnectionGoesOnAtTheChunk() {
        var said: [BulkHeader] = []
        var receiver = BulkReceiver(window: 4 * chunk)
        let path = path(1)
        receiver.open(path, byteCount: 9 * chunk, from: 0, now: 0)
        receiver.link(1, now: 0)
        _ = receiver.grants()
        for index in 0..<3 { taken(&receiver, path, offset: index * chunk, count: chunk, now: 0) }
        receiver.settle(path, count: chunk)
        receiver.unlink(1, now: 0)
        #expect(receiver.outstanding == 2 * chunk, "what was taken and is not yet safe")
        said = grants(&receiver)
        #expect(said.isEmpty)
        receiver.link(1, now: 0)
        said = grants(&receiver)
        #expect(said == [.get(path.item, offset: 3 * chunk, limit: 5 * chunk)])
        receiver.settle(path, count: 2 * chunk)
        said = grants(&receiver)
        #expect(said == [.credit(path.item, limit: 7 * chunk)])
    }

    @Test func damagedBytesAreAskedForAgain() {
        var said: [BulkHeader] = []
        var receiver = BulkReceiver(window: 4 * chunk)
        let path = path(1)
        receiver.open(path, byteCount: 4 * chunk, from: 0, now: 0)
        receiver.link(1, now: 0)
        _ = receiver.grants()
        for index in 0..<3 { _ = receiver.take(path, offset: index * chunk, count: chunk, now: 0) }
        receiver.settle(path, count: chunk)
        receiver.rewind(path, to: chunk, now: 0)
        #expect(receiver.outstanding == 0)
        refused(&receiver, path, offset: 3 * chunk, count: chunk, now: 0)
        said = grants(&receiver)
        #expect(said == [.get(path.item, offset: chunk, limit: 4 * chunk)])
        for index in 1..<4 { taken(&receiver, path, offset: index * chunk, count: chunk, now: 0) }
        receiver.settle(path, count: 3 * chunk)
        #expect(receiver.isComplete(path) && receiver.outstanding == 0)
    }

    /// Whatever order things happen in: memory stays bounded, and everything arrives.
    @Test(arguments: 0..<50 as Range<UInt64>) func memoryIsBoundedAndNothingStarves(seed: UInt64) {
        var random = SplitMix(seed)
        let peers = 1 + Int(random.next() % 12)
        let budget = 8 * chunk
        var receiver = BulkReceiver(window: 4 * chunk, budget: budget)
        var sent: [BulkPath: (next: Int, limit: Int)] = [:]
        var taken: [BulkPath: Int] = [:]
        var sizes: [BulkPath: Int] = [:]
        for peer in 0..<peers {
            for task in 0..<(1 + random.next() % 3) {
                let size = 1 + Int(random.next() % UInt64(20 * chunk))
                sizes[path(peer, task)] = size
                receiver.open(path(peer, task), byteCount: size, from: 0, now: 0)
            }
            receiver.link(peer, now: 0)
        }
        var steps = 0
        while receiver.paths.contains(where: { !receiver.isComplete($0) }), steps < 100_000 {
            steps += 1
            for (path, header) in receiver.grants() {
                switch header {
                case .get(_, let offset, let limit): sent[path] = (offset, limit)
                case .credit(_, let limit): sent[path]?.limit = limit
                default: Issue.record("\(header)")
                }
            }
            #expect(receiver.outstanding <= budget + sizes.count * chunk)
            let paths = receiver.paths
            let path = paths[Int(random.next() % UInt64(paths.count))]
            switch random.next() % 20 {
            case 0:
                // A cut: what was on its way is lost.
                for (other, _) in sent where other.peer == path.peer { sent[other] = nil }
                receiver.unlink(path.peer, now: 0)
                receiver.link(path.peer, now: 0)
            case 1...10:
                guard let (next, limit) = sent[path], next < limit else { continue }
                let count = min(chunk, limit - next)
                sent[path]!.next += count
                if receiver.take(path, offset: next, count: count, now: 0) { taken[path, default: 0] += count }
            default:
                guard let count = taken.removeValue(forKey: path) else { continue }
                receiver.settle(path, count: count)
            }
        }
        #expect(receiver.paths.allSatisfy { receiver.isComplete($0) }, "after \(steps) steps")
        #expect(receiver.outstanding == 0)
    }

    @Test func progressJudges() {
        var receiver = BulkReceiver(window: 2 * chunk)
        let path = path(7)
        receiver.open(path, byteCount: 9 * chunk, from: 0, now: 0)
        #expect(receiver.stalled(now: 16, after: 15) == [7], "no connection")
        receiver.link(7, now: 20)
        _ = receiver.grants()
        #expect(receiver.stalled(now: 30, after: 15).isEmpty)
        _ = receiver.take(path, offset: 0, count: chunk, now: 34)
        #expect(receiver.stalled(now: 48, after: 15).isEmpty)
        #expect(receiver.stalled(now: 50, after: 15) == [7])
        _ = receiver.take(path, offset: chunk, count: chunk, now: 50)
        // Everything granted has come: now the disk is slow, not the peer.
        #expect(receiver.stalled(now: 500, after: 15).isEmpty)
    }
}

struct SplitMix {
    private var state: UInt64
    init(_ seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
