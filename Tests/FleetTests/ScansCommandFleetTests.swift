import Datasets
import Selection
import Tensors
import TestSupport
import Testing

/// The real programs on a tiny model: a gate is calibrated, prompts are classified, and their steering is used.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct ScansCommandFleetTests {
    private static let faultline = ChildProcess.product("faultline")
    private let scratch: TemporaryFolder
    private let model: String

    init() throws {
        scratch = TemporaryFolder()
        model = try TinyModel.make(in: scratch, pairs: 1).model
        for (name, verb) in [("harmful.txt", "take"), ("harmless.txt", "give")] {
            scratch.write("abcdef".map { "\(verb) \($0) \($0)\n" }.joined(), to: name)
        }
        scratch.write("take a river\ngive a bird\ntake a river\n", to: "prompts.txt")
    }

    private func run(_ arguments: [String]) throws -> (code: Int32?, output: String) {
        let child = try ChildProcess(
            Self.faultline, arguments + ["--model", model, "--template", "none", "--threads", "1"])
        return (child.waitForEnd(seconds: 60), child.output)
    }

    /// - Returns: what it says.
    private func calibrate(_ name: String, _ fleet: [String]) throws -> String {
        let (code, output) = try run(
            [
                "scans", "--harmful", scratch.file("harmful.txt"), "--harmless", scratch.file("harmless.txt"),
                "--anchors", "3", "--calibration", "3", "--response", " sure", "--block-examples", "3", "--classify",
                scratch.file("prompts.txt"), "--edit-out", scratch.file("\(name).safetensors"), "--layers", "0", "2",
                "--alpha", "-2", "--out", scratch.file("\(name).csv"),
            ] + fleet)
        #expect(code == 0, "\(output)")
        return output
    }

    @Test func aGateIsCalibratedAndItsSteeringIsUsed() throws {
        let output = try calibrate("one", ["--workers", "1"])
        #expect(output.contains("precision") && output.contains("take a river"), "\(output)")
        _ = try calibrate("two", ["--workers", "2", "--pipelines", "1"])
        for file in [".csv", ".safetensors"] {
            let (one, two) = (scratch.file("one\(file)"), scratch.file("two\(file)"))
            #expect(try Digest.sha256(file: one) == Digest.sha256(file: two), "\(file) depends on the fleet")
        }
        let rows = try TextFile.read(scratch.file("one.csv")).split(separator: UInt8(ascii: "\n"))
            .map { String(decoding: $0, as: UTF8.self).split(separator: ",") }
        #expect(rows.first == ["list", "prompt", "score", "unsafe"])
        let sides = rows.filter { $0[0] == "evaluated" }.map { $0[3] }
        // A prompt that is there twice is classified once.
        #expect(rows.count == 1 + 3 + 3 + 2 && sides.count == 2)
        let path = scratch.file("one.safetensors")
        let edit = try Steering(bundle: try TensorBundle(safetensors: path), source: path)
        #expect(edit.vectors.keys.sorted() == [0, 2] && edit.metadata["alpha"] == "-2.0")
        #expect(edit.gate?.count == sides.count { $0 == "1" } && edit.opposite.count == sides.count { $0 == "0" })
        #expect(edit.metadata[Provenance.modelKey] != nil && edit.metadata["gate"]?.hasPrefix("gate at ") == true)
        let (code, words) = try run([
            "generate", "--prompts", scratch.file("prompts.txt"), "--keep", "all", "--max-new-tokens", "4", "--edit",
            path, "--out", scratch.file("answers.jsonl"), "--workers", "1",
        ])
        #expect(code == 0 && !words.contains("changes nothing"), "\(words)")
        #expect(Files.exists(scratch.file("answers.jsonl")))
    }
}
