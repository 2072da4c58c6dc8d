import Checkpoint
import Foundation
import TestSupport
import Testing

/// GGUF files that lie: every one must end in an error, never in a trap.
@Suite struct GGUFFileTests {
    @Test func truncatedAnywhere() throws {
        let scratch = TemporaryFolder()
        let bytes = try Fixture.bytes("models/llama.gguf")
        for length in Array(stride(from: 0, to: 2600, by: 7)) + [bytes.count - 1] {
            let path = try scratch.write(Array(bytes[..<length]), "short.gguf")
            #expect(throws: CheckpointError.self, "\(length)") { try Checkpoint.open(path) }
        }
    }

    /// Every byte of the header in turn set to 255: most files are refused, none may trap.
    @Test func anyByteWrong() throws {
        let scratch = TemporaryFolder()
        let bytes = try Fixture.bytes("models/llama.gguf")
        for place in 0..<min(2600, bytes.count) {
            var wrong = bytes
            wrong[place] = 0xFF
            _ = try? Checkpoint.open(try scratch.write(wrong, "wrong.gguf"))
        }
    }

    @Test(
        arguments: [
            (0, [UInt8](repeating: 0, count: 4), "wrong first bytes"), (4, [1, 0, 0, 0], "GGUF version 1"),
            (8, [UInt8](repeating: 0xFF, count: 8), "tensors do not fit"),
            (16, [UInt8](repeating: 0x7F, count: 8), "metadata entries do not fit"),
            (24, [UInt8](repeating: 0xFF, count: 8), "bytes of text do not fit"),
        ] as [(Int, [UInt8], String)])
    func liesAreNamed(place: Int, lie: [UInt8], fault: String) throws {
        let scratch = TemporaryFolder()
        var bytes = try Fixture.bytes("models/llama.gguf")
        bytes.replaceSubrange(place..<place + lie.count, with: lie)
        let path = try scratch.write(bytes, "lie.gguf")
        let error = #expect(throws: CheckpointError.self) { try Checkpoint.open(path) }
        #expect(error?.fault.contains(fault) == true, "\(String(describing: error))")
    }

    @Test func otherArchitecturesAreNamed() throws {
        let scratch = TemporaryFolder()
        var bytes = try Fixture.bytes("models/llama.gguf")
        let key = Array("general.architecture".utf8)
        let place = try #require(bytes.indices.first { bytes[$0...].starts(with: key) }) + key.count + 12
        bytes.replaceSubrange(place..<place + 5, with: Array("gemma".utf8))
        let path = try scratch.write(bytes, "other.gguf")
        #expect(
            throws: CheckpointError(
                .unsupported, file: path, "architecture gemma is not supported (llama, qwen2 and qwen3 are)")
        ) { try Checkpoint.open(path) }
    }

    @Test func ropeDivisorsComeFromTheFile() throws {
        let checkpoint = try Checkpoint.open(Fixture.path("models/llama.gguf"))
        #expect(checkpoint.config.ropeScaling == .divisors([1, 2, 4, 8]))
        #expect(checkpoint.config.ropeTheta == 5000)
    }

    @Test func partsOfASplitFileAreAskedForByName() throws {
        func fault(_ path: String) -> String {
            do { _ = try Checkpoint.open(path) } catch { return "\(error)" }
            return "opened"
        }
        let folder = TemporaryFolder()
        func copy(_ part: Int, as name: String) throws -> String {
            try folder.write(Fixture.bytes("models/llama-split-0000\(part)-of-00004.gguf"), name)
        }
        let first = try copy(1, as: "x-00001-of-00004.gguf")
        let second = try copy(2, as: "x-00002-of-00004.gguf")
        #expect(fault(second).hasSuffix("is part 2 of 4: name the first one, \(first)"))
        #expect(fault(first).contains("x-00003-of-00004.gguf: cannot open"))
        _ = try copy(2, as: "x-00003-of-00004.gguf")
        #expect(fault(first).hasSuffix("x-00003-of-00004.gguf: is not part 3 of 4"))
        _ = try copy(3, as: "x-00003-of-00004.gguf")
        _ = try copy(4, as: "x-00004-of-00004.gguf")
        #expect(fault(first) == "opened")
        #expect(fault(try copy(1, as: "y.gguf")).contains("its name must end in -00001-of-00004.gguf"))
    }
}
