import Foundation
import Protocol
import Testing

struct FrequentMessageTests {
    private static let keys = [
        TaskKey(epoch: 0, task: 0), TaskKey(epoch: .max, task: 1 << 60), TaskKey(epoch: 7, task: 10),
    ]

    private func json(_ message: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        return [UInt8](try encoder.encode(message))
    }

    @Test(arguments: keys) func theBytesAreJSONEncoders(key: TaskKey) throws {
        for message in [ToWorker.task(key, bodyBytes: 30), .task(key, bodyBytes: 0), .committed(key), .abort(key)] {
            let bytes = try Codec.encode(message)
            #expect(try Array(bytes[6...]) == json(message))
            #expect(try Codec.decode(ToWorker.self, bytes) == message)
        }
        for digest in ["", "00ff9a", "no \"hex\" é"] {
            let message = ToCoordinator.offer(key, digest: digest, byteCount: 5)
            let bytes = try Codec.encode(message)
            #expect(try Array(bytes[6...]) == json(message))
            #expect(try Codec.decode(ToCoordinator.self, bytes) == message)
        }
    }

    /// Whatever JSON says the same is understood, and what is no message is refused.
    @Test func otherSpellingsAreLeftToFoundation() throws {
        let head = Array(try Codec.encode(ToWorker.ping)[..<6])
        func decode(_ text: String) throws -> ToWorker { try Codec.decode(ToWorker.self, head + Array(text.utf8)) }
        let key = TaskKey(epoch: 1, task: 2)
        #expect(try decode(#"{ "committed": {"_0": {"task": 2, "epoch": 1}}}"#) == .committed(key))
        #expect(try decode(#"{"task":{"bodyBytes":3,"_0":{"epoch":1,"task":2}}}"#) == .task(key, bodyBytes: 3))
        for text in [
            #"{"committed":{"_0":{"epoch":1,"task":}}}"#, #"{"committed":{"_0":{"epoch":-1,"task":2}}}"#,
            #"{"committed":{"_0":{"epoch":99999999999999999999999,"task":2}}}"#,
            #"{"task":{"_0":{"epoch":1,"task":2},"bodyBytes":99999999999999999999}}"#, #"{"task":{"_0":"#, "",
        ] {
            #expect(throws: ProtocolError.self) { try decode(text) }
        }
    }
}
