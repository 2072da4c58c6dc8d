import Foundation

/// Control messages as bytes: "FLT", a zero, the version (u16, little-endian), then JSON. Raw frames may follow.
public enum Codec {
    private static let mark: [UInt8] = [0x46, 0x4C, 0x54, 0]

    /// - Throws: `ProtocolError.tooLarge` over `Limits.frameBytes`.
    public static func encode(_ message: some Encodable, version: UInt16 = Limits.version) throws(ProtocolError)
        -> [UInt8]
    {
        var bytes = mark + [UInt8(truncatingIfNeeded: version), UInt8(truncatingIfNeeded: version >> 8)]
        if let quick = (message as? any FrequentMessage)?.quickJSON {
            bytes += quick.utf8
        } else {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys]
            guard let json = try? encoder.encode(message) else { throw .malformed("a message that JSON cannot hold") }
            bytes += json
        }
        guard bytes.count <= Limits.frameBytes else {
            throw .tooLarge(what: "message", bytes: bytes.count, limit: Limits.frameBytes)
        }
        return bytes
    }

    /// - Throws: `ProtocolError`; a frame of another version is told apart before its JSON is read.
    public static func decode<M: Decodable>(_ type: M.Type, _ bytes: [UInt8]) throws(ProtocolError) -> M {
        guard bytes.count <= Limits.frameBytes else {
            throw .tooLarge(what: "message", bytes: bytes.count, limit: Limits.frameBytes)
        }
        guard bytes.count >= 6, Array(bytes[0..<4]) == mark else { throw .malformed("no Faultline message") }
        let version = UInt16(bytes[4]) | UInt16(bytes[5]) << 8
        guard version == Limits.version else { throw .version(theirs: version, ours: Limits.version) }
        if let kind = type as? any FrequentMessage.Type, let message = kind.quick(bytes[6...]) as? M { return message }
        do {
            return try JSONDecoder().decode(type, from: Data(bytes[6...]))
        } catch {
            throw .malformed("not a message of \(type)")
        }
    }

    /// A task body as raw frames of at most a chunk; equal bodies give equal bytes.
    /// - Throws: `ProtocolError.tooLarge` over `Limits.bodyBytes`; `.malformed` where JSON cannot hold a number of it.
    public static func encode(body: TaskBody) throws(ProtocolError) -> [[UInt8]] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        guard let json = try? encoder.encode(body) else { throw .malformed("a task body that JSON cannot hold") }
        guard json.count <= Limits.bodyBytes else {
            throw .tooLarge(what: "task body", bytes: json.count, limit: Limits.bodyBytes)
        }
        return stride(from: 0, to: json.count, by: Limits.chunkBytes).map { start in
            [UInt8](json[(json.startIndex + start)..<(json.startIndex + min(json.count, start + Limits.chunkBytes))])
        }
    }

    /// The task body of all its raw frames, in order.
    /// - Parameter byteCount: the length that was announced, in bytes.
    /// - Throws: `ProtocolError.tooLarge` over `Limits.bodyBytes`; `.malformed` where the length is another one, or
    ///   where it is no task body, or one that `TaskBody.check` refuses.
    public static func decodeBody(_ frames: [[UInt8]], byteCount: Int) throws(ProtocolError) -> TaskBody {
        guard byteCount >= 0, byteCount <= Limits.bodyBytes else {
            throw .tooLarge(what: "task body", bytes: byteCount, limit: Limits.bodyBytes)
        }
        guard frames.count <= Limits.frames, frames.reduce(0, { $0 + $1.count }) == byteCount else {
            throw .malformed("a task body of another length than announced")
        }
        do {
            let body = try JSONDecoder().decode(TaskBody.self, from: Data(frames.joined()))
            try body.check()
            return body
        } catch let error as ProtocolError {
            throw error
        } catch {
            throw .malformed("not a task body")
        }
    }
}

extension TaskBody {
    /// What every engine relies on: indices inside their arrays, counts that are not negative.
    /// - Throws: `ProtocolError.malformed`.
    public func check() throws(ProtocolError) {
        switch self {
        case .score(let statistics, let batches):
            guard statistics.allSatisfy({ $0.layer ?? 0 >= 0 && (1...Limits.classes).contains($0.classes) }) else {
                throw .malformed("statistics: layer or classes")
            }
            let classes = statistics.map(\.classes).min() ?? 1
            for batch in batches {
                try batch.check()
                guard batch.sequences.allSatisfy({ $0.group ?? 0 < classes }) else { throw .malformed("group") }
            }
        case .likelihood(let batches):
            for batch in batches { try batch.check() }
        case .nextTokens(let batches, let tokens):
            guard tokens?.isEmpty != true, tokens?.allSatisfy({ $0 >= 0 }) != false else {
                throw .malformed("next tokens: which")
            }
            for batch in batches { try batch.check() }
        case .generate(let generation):
            guard generation.streams.count == generation.prompts.count, generation.slots > 0,
                generation.slots <= 65_536,
                generation.maxNewTokens >= 0, generation.temperature >= 0
            else { throw .malformed("generation: slots, streams or length") }
            guard generation.repetitionPenalty.map({ $0 > 0 && $0.isFinite && $0 != 1 }) ?? true else {
                throw .malformed("generation: repetition penalty")
            }
        case .train(let training):
            guard training.firstStep >= 0 else { throw .malformed("training: first step") }
            guard training.lora.map({ $0.isSound && training.parameters == .linear }) ?? true else {
                throw .malformed("training: rank, alpha, maps or parameters")
            }
            for step in training.steps { for batch in step { try batch.check() } }
        case .ranks(let task):
            guard task.layer >= 0, task.limits.values.allSatisfy({ $0 >= 0 }) else {
                throw .malformed("ranks: layer or limits")
            }
        case .export, .checkpoint: break
        }
    }
}

extension Batch {
    func check() throws(ProtocolError) {
        for (index, sequence) in sequences.enumerated() {
            guard (0...sequence.tokens.count).contains(sequence.scoredFrom) else { throw .malformed("scoredFrom") }
            guard (0..<Limits.classes).contains(sequence.group ?? 0) else { throw .malformed("group") }
            guard let prefix = sequence.prefix else { continue }
            guard (0..<index).contains(prefix), sequences[prefix].prefix == nil else { throw .malformed("prefix") }
        }
    }
}
