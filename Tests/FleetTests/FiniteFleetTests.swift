import Foundation
import Selection
import Tensors
import TestSupport
import Testing

/// The real programs on a tiny model: a weight that is no number, and an edit that overflows.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct FiniteFleetTests {
    private static let faultline = ChildProcess.product("faultline")
    private let scratch: TemporaryFolder
    private let model: String
    private let pairs: String

    init() throws {
        scratch = TemporaryFolder()
        (model, pairs) = try TinyModel.make(in: scratch, pairs: 6)
        scratch.write("name a river\nname a bird\n", to: "prompts.txt")
    }

    private func run(_ arguments: String...) throws -> (code: Int32?, output: String) {
        let child = try ChildProcess(
            Self.faultline, arguments + ["--workers", "2", "--pipelines", "2", "--threads", "1"])
        return (child.waitForEnd(seconds: 60), child.output)
    }

    /// Overwrites one F32 weight of the model's file.
    private func spoil(_ tensor: String, row: Int, column: Int, with value: Float) throws {
        let path = model + "/model.safetensors"
        var data = try Data(contentsOf: URL(fileURLWithPath: path))
        let length = data.prefix(8).enumerated().reduce(0) { $0 | Int($1.element) << (8 * $1.offset) }
        let header = try #require(
            try JSONSerialization.jsonObject(with: data[8..<8 + length]) as? [String: [String: Any]])
        let entry = try #require(header[tensor])
        let start = try #require((entry["data_offsets"] as? [Int])?.first)
        let columns = try #require((entry["shape"] as? [Int])?.last)
        let place = 8 + length + start + 4 * (row * columns + column)
        withUnsafeBytes(of: value.bitPattern.littleEndian) { data.replaceSubrange(place..<place + 4, with: $0) }
        try data.write(to: URL(fileURLWithPath: path))
    }

    @Test func aBadWeightEndsEveryCommandByName() throws {
        let tensor = "model.layers.1.mlp.up_proj.weight"
        try spoil(tensor, row: 3, column: 7, with: .nan)
        let words = "tensor \(tensor): the weight at row 3, column 7 is nan, no finite number"
        let out = scratch.file("out")
        for (command, code) in [
            (["evaluate", "--template", "none", "--prompts", scratch.file("prompts.txt")], Int32(1)),
            (["score", "--template", "none", "--method", "snip", "--data", pairs], 1),
            (["answer", "--template", "none", "--keep", "all", "--prompts", scratch.file("prompts.txt")], 1),
        ] {
            let child = try ChildProcess(
                Self.faultline, command + ["--model", model, "--out", out, "--workers", "2", "--threads", "1"])
            #expect(child.waitForEnd(seconds: 60) == code, "\(command[0])")
            #expect(child.output.contains(words), "\(child.output)")
            #expect(!FileManager.default.fileExists(atPath: out))
        }
        // Without workers it is the coordinator that reads the weights.
        let child = try ChildProcess(
            Self.faultline, ["score", "--model", model, "--method", "magnitude", "--out", out])
        #expect(child.waitForEnd(seconds: 60) == 2)
        #expect(child.output.contains(words), "\(child.output)")
        #expect(!FileManager.default.fileExists(atPath: out))
    }

    /// The edited model has no numbers: its measures are null and say why, the unedited one's stand, and the code is 1.
    @Test func anEditThatOverflowsIsSaidSo() throws {
        let name = "model.layers.1.mlp.down_proj.weight"
        let bundle = TensorBundle(
            metadata: ["format": LowRankEdit.format, "version": LowRankEdit.version],
            entries: [
                .init(
                    name: LowRankEdit.left(name), type: .f32, shape: [24, 1],
                    buffer: AlignedBuffer(Array(repeating: Float(3e38), count: 24))),
                .init(
                    name: LowRankEdit.right(name), type: .f32, shape: [1, 26],
                    buffer: AlignedBuffer(Array(repeating: Float(1), count: 26))),
            ])
        try bundle.write(safetensors: scratch.file("edit"))
        let out = scratch.file("out.json")
        let (code, output) = try run(
            "evaluate", "--model", model, "--template", "none", "--edit", scratch.file("edit"), "--prompts",
            scratch.file("prompts.txt"), "--max-new-tokens", "4", "--out", out)
        #expect(code == 1, "\(output)")
        #expect(output.contains("is not finite: the weights or an edit overflow"), "\(output)")
        #expect(output.contains("edit (not finite)"), "\(output)")
        let json = try JSON.parse([UInt8](Data(contentsOf: URL(fileURLWithPath: out))))
        let conditions = try #require(json["conditions"]?.elements)
        #expect(conditions.map { $0["remark"]?.string } == [nil, "not_finite"])
        #expect(conditions[0]["measures"]?["asr_mean"]?["value"]?.double != nil)
        #expect(conditions[1]["measures"]?["asr_mean"]?["value"] == .null)
        #expect(conditions[1]["measures"]?["asr_mean"]?["reason"]?.string?.contains("is not finite") == true)
    }
}
