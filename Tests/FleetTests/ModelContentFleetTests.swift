import Checkpoint
import Datasets
import FleetIO
import Foundation
import Scheduling
import Tensors
import TestSupport
import Testing

/// Two models that differ in one weight, through both programs: each has its own numbers.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct ModelContentFleetTests {
    private let scratch = TemporaryFolder()
    private let model: String
    private let other: String

    init() throws {
        model = try TinyModel.make(in: scratch).model
        other = scratch.file("other")
        try FileManager.default.copyItem(atPath: model, toPath: other)
        // The exponent of one weight, between the places that samples would be taken from.
        let file = URL(fileURLWithPath: "\(other)/model.safetensors")
        var bytes = [UInt8](try Data(contentsOf: file))
        let length = bytes[0..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
        let header = try JSON.parse(Array(bytes[8..<8 + length]))
        let place = try #require(header["model.layers.1.mlp.down_proj.weight"]?["data_offsets"]?.elements)
        let (start, end) = (try #require(place[0].int), try #require(place[1].int))
        for index in 0..<16 { bytes[8 + length + start + (end - start) / 3 / 4 * 4 + index] ^= 0x10 }
        try Data(bytes).write(to: file)
        scratch.write(String(repeating: "the river danube ", count: 40), to: "text.txt")
        scratch.write(
            """
            name: perplexity
            model: \(model)
            template: none
            conditions: [unedited]
            evaluation: {perplexity: {file: \(scratch.file("text.txt")), window: 60}}
            """, to: "study.yaml")
    }

    private func perplexity(of model: String, in run: String) throws -> Double {
        let child = try ChildProcess(
            ChildProcess.product("faultline"),
            [
                "study", "run", scratch.file("study.yaml"), "--model", model, "--run-dir", scratch.file(run),
                "--cache", scratch.file("cache"), "--threads", "1",
            ], environment: ["XDG_CACHE_HOME": scratch.file("memory")])
        #expect(child.waitForEnd(seconds: 100) == 0, "\(child.output)")
        let json = try JSON.parse(TextFile.read(scratch.file("\(run)/results.json")))
        return try #require(json["conditions"]?.elements?.first?["measures"]?["perplexity"]?["value"]?.double)
    }

    @Test func aStudyOnAnotherModelTakesNothingOver() throws {
        let first = try perplexity(of: model, in: "run")
        // The same run folder and the same cache.
        let second = try perplexity(of: other, in: "run")
        #expect(second != first)
        try FileManager.default.removeItem(atPath: scratch.file("cache"))
        #expect(try perplexity(of: other, in: "alone") == second)
        #expect(try perplexity(of: model, in: "again") == first)
    }

    @Test func aWorkerWhoseCopyDiffersIsRefused() throws {
        var settings = FleetSettings(runDirectory: scratch.file("fleet"))
        settings.localWorkers = 1
        settings.threadsPerWorker = 1
        settings.workerExecutable = ProcessTests.worker
        let fleet = try Fleet(settings)
        defer { fleet.shutdown() }
        let checkpoint = try Checkpoint.open(model)
        let count = checkpoint.config.layerCount
        var plan = ModelPlan(
            path: other, layerBytes: [Int](repeating: 1, count: count),
            layerCost: [Double](repeating: 1, count: count))
        plan.content = ModelPlan.Content(digest: try checkpoint.digest()) {
            checkpoint.digest(layers: $0, isFirst: $1, isLast: $2)
        }
        let error = #expect(throws: FleetError.self) { try fleet.use(model: plan) }
        #expect(error?.description.contains("another model") == true, "\(error?.description ?? "")")
    }
}
