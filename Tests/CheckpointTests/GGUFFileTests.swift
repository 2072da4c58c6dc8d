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

    @Test func aBigEndianFileIsNamed() throws {
        let scratch = TemporaryFolder()
        var bytes = try Fixture.bytes("models/llama.gguf")
        bytes.replaceSubrange(4..<8, with: [0, 0, 0, 3])
        let path = try scratch.write(bytes, "big.gguf")
        #expect(
            throws: CheckpointError(
                .unsupported, file: path, "a big-endian GGUF file: convert it with gguf-py's gguf_convert_endian.py")
        ) { try Checkpoint.open(path) }
    }

    /// Metadata that changes who attends to whom, the scale, the caps or the order of anything; other types and widths.
    @Test(
        arguments: [
            ("llama.attention.causal", 7, [0], "llama.attention.causal is set"),
            ("llama.attention.scale", 6, float(0.5), "llama.attention.scale is set"),
            ("llama.attn_logit_softcapping", 6, float(30), "llama.attn_logit_softcapping is set"),
            ("llama.attention.sliding_window", 4, [4, 0, 0, 0], "llama.attention.sliding_window is set"),
            (
                "llama.rope.dimension_sections", 9, [5, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0],
                "dimension_sections is set"
            ),
            ("llama.expert_count", 4, [2, 0, 0, 0], "llama.expert_count is set"),
            ("llama.use_parallel_residual", 7, [1], "llama.use_parallel_residual is set"),
            ("llama.never_heard_of", 6, float(2), "llama.never_heard_of is set"),
            ("tokenizer.ggml.remove_extra_whitespaces", 7, [1], "remove_extra_whitespaces is set"),
            (
                "tokenizer.ggml.precompiled_charsmap", 9, [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7],
                "precompiled_charsmap is set"
            ),
            ("general.type", 8, text("adapter"), "holds no model but: adapter"),
            ("llama.attention.key_length", 8, text("8"), "llama.attention.key_length is not a whole number"),
            ("llama.attention.key_length", 6, float(8), "llama.attention.key_length is not a whole number"),
            ("llama.vocab_size", 10, [UInt8](repeating: 0xFF, count: 8), "llama.vocab_size is not a whole number"),
            ("llama.rope.scaling.type", 4, [0, 0, 0, 0], "llama.rope.scaling.type is not a text"),
            ("llama.block_count", 4, [2, 0, 0, 0], "metadata llama.block_count appears twice"),
            ("general.alignment", 6, float(32), "general.alignment is not a multiple of 8"),
        ] as [(String, UInt32, [UInt8], String)])
    func metadataIsReadOrRefusedByName(key: String, type: UInt32, value: [UInt8], fault: String) throws {
        let error = #expect(throws: CheckpointError.self) { try open(adding: key, type, value) }
        #expect(error?.fault.contains(fault) == true, "\(String(describing: error))")
    }

    @Test(
        arguments: [
            ("llama.attention.causal", 7, [1]), ("llama.attention.scale", 6, float(0)),
            ("llama.expert_count", 4, [0, 0, 0, 0]),
            ("llama.attention.sliding_window", 4, [0, 0, 0, 1]), ("llama.rope.scaling.finetuned", 7, [1]),
            ("general.name", 8, text("x")), ("phi.attention.causal", 7, [0]),
            ("tokenizer.ggml.fim_pre_token_id", 4, [1, 0, 0, 0]),
        ] as [(String, UInt32, [UInt8])])
    func metadataThatChangesNothingIsIgnored(key: String, type: UInt32, value: [UInt8]) throws {
        let plain = try Checkpoint.open(Fixture.path("models/llama.gguf")).config
        #expect(try open(adding: key, type, value) == plain)
    }

    /// The fixture with one more metadata entry; the data keeps its alignment.
    private func open(adding key: String, _ type: UInt32, _ value: [UInt8]) throws -> ModelConfig {
        let scratch = TemporaryFolder()
        let bytes = try Fixture.bytes("models/llama.gguf")
        let end = try headerEnd(of: bytes)
        func aligned(_ place: Int) -> Int { (place + 31) / 32 * 32 }
        let entry = Self.text(key) + withUnsafeBytes(of: type.littleEndian) { Array($0) } + value
        let count = bytes[16..<24].enumerated().reduce(0) { $0 | Int($1.element) << (8 * $1.offset) } + 1
        var result = bytes[..<16] + (0..<8).map { UInt8(truncatingIfNeeded: count >> (8 * $0)) } + entry
        result += bytes[24..<end]
        result += [UInt8](repeating: 0, count: aligned(result.count) - result.count)
        result += bytes[aligned(end)...]
        return try Checkpoint.open(try scratch.write(Array(result), "changed.gguf")).config
    }

    /// Where the header ends: its length without padding, found as the longest that is still refused as truncated.
    private func headerEnd(of bytes: [UInt8]) throws -> Int {
        let scratch = TemporaryFolder()
        var (low, high) = (24, bytes.count)
        while low + 1 < high {
            let middle = (low + high) / 2
            let path = try scratch.write(Array(bytes[..<middle]), "cut.gguf")
            let fault = #expect(throws: CheckpointError.self) { try Checkpoint.open(path) }?.fault ?? ""
            if fault.contains("the header runs past") || fault.contains("do not fit in the rest") {
                low = middle
            } else {
                high = middle
            }
        }
        return high
    }

    private static func float(_ value: Float) -> [UInt8] {
        withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) }
    }

    private static func text(_ value: String) -> [UInt8] {
        withUnsafeBytes(of: UInt64(value.utf8.count).littleEndian) { Array($0) } + Array(value.utf8)
    }
}
