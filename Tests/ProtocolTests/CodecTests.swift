import Foundation
import Protocol
import Tensors
import Testing

struct CodecTests {
    let hello = ToCoordinator.hello(
        Capabilities(
            host: "h", pid: 1, threads: 2, memoryBytes: 3, level: .avx512BF16, dataEndpoint: "ipc://x", name: "w"))

    @Test func messagesSurviveTheRoundTrip() throws {
        let key = TaskKey(epoch: .max, task: 1 << 60)
        let up: [ToCoordinator] = [
            hello, .assigned(epoch: 1), .assignmentFailed(epoch: 2, error: "é\n"), .unfit(epoch: 1, reason: "x"),
            .offer(key, digest: "ab", byteCount: 5),
            .edited(epoch: 1, edit: 2),
            .taskFailed(key, error: ""), .beat(Beat()), .leaving(reason: "x"),
        ]
        for message in up { #expect(try Codec.decode(ToCoordinator.self, Codec.encode(message)) == message) }
        let down: [ToWorker] = [
            .rejoin,
            .welcome(worker: "w"), .refuse(reason: "r"), .level(.avx2), .task(key, bodyBytes: 9), .abort(key),
            .assign(
                Assignment(
                    epoch: 1, model: "m", layers: 2..<4, stageIndex: 1, stageCount: 2, threads: 1, next: nil, window: 3)
            ),
            .committed(key), .bulk(ticket: .max), .ping,
            .goodbye(reason: ""),
            .edit(EditOffer(epoch: 1, edit: 2, name: "n", digest: "d", byteCount: 0)),
        ]
        for message in down { #expect(try Codec.decode(ToWorker.self, Codec.encode(message)) == message) }
    }

    @Test func whatAWorkerBringsAlongSurvivesTheRoundTrip() throws {
        var capabilities = Capabilities(
            host: "h", pid: 1, threads: 2, memoryBytes: 3, level: .avx2, dataEndpoint: "ipc://x", name: "w")
        var assignment = Assignment(
            epoch: 1 << 32, model: "m", layers: 2..<4, stageIndex: 1, stageCount: 2, threads: 1, next: nil, window: 3)
        assignment.plan = "p"
        var holdings = ResumableWork(run: "r", assignment: assignment)
        (holdings.edit, holdings.editDigest, holdings.isLoaded) = (7, "", true)
        holdings.tasks = [
            Holding(key: TaskKey(epoch: 1 << 32, task: 5), content: "c", digest: nil, byteCount: 0),
            Holding(key: TaskKey(epoch: 1 << 32, task: 6), content: "c", digest: "d", byteCount: .max),
        ]
        (capabilities.instance, capabilities.holdings) = ("i", holdings)
        for message in [ToCoordinator.hello(capabilities), hello] {
            #expect(try Codec.decode(ToCoordinator.self, Codec.encode(message)) == message)
        }
        // A full list fits into one header.
        let key = TaskKey(epoch: .max, task: .max)
        let digest = String(repeating: "f", count: 64)
        capabilities.holdings!.tasks = (0..<1024).map { _ in
            Holding(key: key, content: digest, digest: digest, byteCount: .max)
        }
        #expect(try Codec.encode(ToCoordinator.hello(capabilities)).count < Limits.frameBytes / 2)
        let welcome = ToWorker.welcome(worker: "w", run: "r")
        #expect(try Codec.decode(ToWorker.self, Codec.encode(welcome)) == welcome)
    }

    @Test func anotherVersionIsNamedWithOurs() throws {
        let bytes = try Codec.encode(hello, version: 77)
        #expect(throws: ProtocolError.version(theirs: 77, ours: Limits.version)) {
            try Codec.decode(ToCoordinator.self, bytes)
        }
        let words = "\(ProtocolError.version(theirs: 77, ours: 1))"
        #expect(words.contains("77") && words.contains("1"))
        var header = DataHeader.credit(epoch: 1, bytes: 2).encode()
        header[4] = 77
        #expect(throws: ProtocolError.version(theirs: 77, ours: Limits.version)) { try DataHeader.decode(header) }
    }

    @Test func sizesAreHeld() throws {
        let long = ToWorker.goodbye(reason: String(repeating: "x", count: Limits.frameBytes))
        #expect(throws: ProtocolError.self) { try Codec.encode(long) }
        #expect(throws: ProtocolError.self) {
            try Codec.decode(ToWorker.self, [UInt8](repeating: 0, count: Limits.frameBytes + 1))
        }
        #expect(throws: ProtocolError.self) { try Codec.decodeBody([[1, 2]], byteCount: 3) }
        #expect(throws: ProtocolError.self) { try Codec.decodeBody([], byteCount: -1) }
        #expect(throws: ProtocolError.self) { try Codec.decodeBody([], byteCount: .max) }
        var header = PacketHeader(
            epoch: 1, task: 2, direction: 0, kind: 3, index: 4, integerCount: 5, payloadBytes: Limits.packetBytes + 1,
            hasPayload: true)
        #expect(throws: ProtocolError.self) { try DataHeader.decode(DataHeader.packet(header).encode()) }
        header.payloadBytes = Limits.chunkBytes * 2 + 4
        #expect(header.frameSizes == [20, Limits.chunkBytes, Limits.chunkBytes, 4])
        #expect(try DataHeader.decode(DataHeader.packet(header).encode()) == .packet(header))
    }

    @Test func longBodiesAreCut() throws {
        let tokens = (0..<400_000).map { Int32($0) }
        let body = TaskBody.likelihood(batches: [Batch(sequences: [TokenSequence(tokens: tokens, scoredFrom: 3)])])
        let frames = try Codec.encode(body: body)
        #expect(frames.count > 1 && frames.allSatisfy { $0.count <= Limits.chunkBytes })
        #expect(try Codec.decodeBody(frames, byteCount: frames.reduce(0) { $0 + $1.count }) == body)
    }

    @Test func bodiesThatNoEngineCanTakeAreRefused() throws {
        let wrong: [TaskBody] = [
            .likelihood(batches: [Batch(sequences: [TokenSequence(tokens: [1], scoredFrom: 2)])]),
            .likelihood(batches: [Batch(sequences: [TokenSequence(tokens: [1], scoredFrom: 0, prefix: 0)])]),
            .nextTokens(batches: [], tokens: []), .nextTokens(batches: [], tokens: [-1]),
            .nextTokens(batches: [Batch(sequences: [TokenSequence(tokens: [1], scoredFrom: 2)])], tokens: nil),
            .generate(
                .init(
                    prompts: [[1]], slots: 0, maxNewTokens: 1, stopTokens: [], temperature: 0, seed: .max, streams: [1])
            ),
            .generate(
                .init(
                    prompts: [[1]], slots: 1, maxNewTokens: 1, stopTokens: [], temperature: 0, seed: .max, streams: [])),
        ]
        for body in wrong {
            let frames = try Codec.encode(body: body)
            #expect(throws: ProtocolError.self) {
                try Codec.decodeBody(frames, byteCount: frames.reduce(0) { $0 + $1.count })
            }
        }
    }

    @Test func impossibleAssignmentsAreNoStage() {
        func layers(_ range: Range<Int>, _ index: Int, _ count: Int) -> Range<Int>? {
            Assignment(
                epoch: 1, model: "", layers: range, stageIndex: index, stageCount: count, threads: 1, next: nil,
                window: 1
            ).layers
        }
        #expect(layers(0..<2, 0, 1) == 0..<2)
        #expect(
            layers(-1..<2, 0, 1) == nil && layers(2..<2, 0, 1) == nil && layers(0..<1, 1, 1) == nil
                && layers(0..<1, 0, 0) == nil)
    }

    private static let rounds =
        ProcessInfo.processInfo.environment["FAULTLINE_FUZZ"].flatMap { Int($0) } ?? 100_000

    /// Damaged and random messages end in a typed error or another valid message, never in a trap.
    @Test func fuzz() throws {
        var random = SplitMix(state: 20_240_601)
        let key = TaskKey(epoch: 3, task: 4)
        let packet = PacketHeader(
            epoch: 1, task: 2, direction: 1, kind: 3, index: 4, integerCount: 5, payloadBytes: 6, hasPayload: true)
        let seeds = [
            try Codec.encode(hello), try Codec.encode(ToCoordinator.offer(key, digest: "abc", byteCount: 10)),
            try Codec.encode(
                ToWorker.assign(
                    Assignment(
                        epoch: 1, model: "m", layers: 0..<4, stageIndex: 0, stageCount: 2, threads: 1, next: "ipc://a",
                        window: 3))),
            DataHeader.packet(packet).encode(),
            try Codec.encode(
                body: .likelihood(batches: [Batch(sequences: [TokenSequence(tokens: [1, 2], scoredFrom: 1)])]))[0],
        ]
        for round in 0..<Self.rounds {
            var bytes = seeds[round % seeds.count]
            for _ in 0...(random.next() % 4) {
                guard !bytes.isEmpty else { break }
                let place = Int(random.next() % UInt64(bytes.count))
                switch random.next() % 4 {
                case 0: bytes[place] = UInt8(truncatingIfNeeded: random.next())
                case 1: bytes.removeSubrange(place...)
                case 2: bytes.insert(UInt8(truncatingIfNeeded: random.next()), at: place)
                default: bytes[place] ^= 1 << UInt8(random.next() % 8)
                }
            }
            switch round % seeds.count {
            case 0, 1: _ = try? Codec.decode(ToCoordinator.self, bytes)
            case 2: if case .assign(let assignment)? = try? Codec.decode(ToWorker.self, bytes) { _ = assignment.layers }
            case 3: if case .packet(let header)? = try? DataHeader.decode(bytes) { _ = header.frameSizes.count }
            default: _ = try? Codec.decodeBody([bytes], byteCount: bytes.count)
            }
        }
    }
}

/// Seeded, so that a failure comes again.
private struct SplitMix {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
