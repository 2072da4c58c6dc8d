import Checkpoint
import DecoderEngine
import Foundation
import Stages
import TestSupport
import Testing

/// A worker's own copy of the model is compared with the coordinator's before anything is computed.
@Suite struct DifferingCopyTests {
    private let folder = TemporaryFolder()

    private func copy(_ change: (String) throws -> Void) throws -> String {
        let path = folder.file("copy-\(UUID().uuidString)")
        try FileManager.default.copyItem(atPath: TinyModel.fixture, toPath: path)
        try change(path)
        return path
    }

    /// Loads a copy as a worker does that is told the digest of the original's layers.
    private func load(_ path: String, layers: Range<Int>? = nil) throws {
        let original = try Checkpoint.open(TinyModel.fixture)
        let count = original.config.layerCount
        let layers = layers ?? 0..<count
        let (isFirst, isLast) = (layers.lowerBound == 0, layers.upperBound == count)
        let engine = TransformerEngine(memoryBytes: 1 << 30) { try Checkpoint.open($0) }
        try engine.load(
            StageAssignment(
                model: path, modelDigest: original.digest(layers: layers, isFirst: isFirst, isLast: isLast),
                layers: layers, stageIndex: isFirst ? 0 : 1, stageCount: isFirst && isLast ? 1 : 2, threads: 1))
    }

    private func change(_ file: String, at share: Double) throws {
        var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: file)))
        bytes[min(bytes.count - 1, Int(Double(bytes.count) * share))] ^= 1
        try Data(bytes).write(to: URL(fileURLWithPath: file))
    }

    @Test(arguments: [0.3, 0.5, 0.7, 0.9, 1.0]) func oneBitOfTheWeightsIsRefused(share: Double) throws {
        let path = try copy { try change("\($0)/model.safetensors", at: share) }
        let error = #expect(throws: UnfitWorker.self) { try load(path) }
        #expect(error?.description.contains("another model") == true)
        #expect(throws: UnfitWorker.self) { try load(path, layers: 0..<1) }
    }

    /// It decides what the weights are used for.
    @Test func anotherConfigurationIsRefused() throws {
        let path = try copy { path in
            let file = "\(path)/config.json"
            var json = try String(contentsOfFile: file, encoding: .utf8)
            json = json.replacingOccurrences(of: "\"rms_norm_eps\": ", with: "\"rms_norm_eps\": 1")
            try json.write(toFile: file, atomically: true, encoding: .utf8)
        }
        #expect(throws: UnfitWorker.self) { try load(path) }
    }

    /// No worker reads text.
    @Test func theSameWeightsAreTakenWhateverTheTokenizer() throws {
        try load(try copy { _ in })
        try load(try copy { try "{}".write(toFile: "\($0)/tokenizer.json", atomically: true, encoding: .utf8) })
    }
}
