import Checkpoint
import Coordinator
import Foundation
import Selection
import Tensors
import TestSupport
import Testing

@Suite struct DirectionCommandTests {
    private let folder = TemporaryFolder()

    private func run(_ arguments: [String]) async -> Int32 {
        await CommandLineMain.run(
            ["direction", "--model", TinyModel.fixture, "--statistic", folder.file("s")] + arguments)
    }

    /// The states of a model with three blocks of width 24, at one place.
    private func write(model: String?) throws {
        let words = ["option_positions": "-1", Provenance.modelKey: model].compactMapValues { $0 }
        try TensorBundle(
            metadata: words,
            entries: [("harmful", 3.0), ("harmless", 1)].map { label, value in
                .init(
                    name: "mean.\(label).input.2", type: .f64, shape: [1, 24],
                    buffer: AlignedBuffer(doubles: [Double](repeating: value, count: 24)))
            }
        ).write(safetensors: folder.file("s"))
    }

    @Test func itMakesADirectionAndAControlVector() async throws {
        let digest = try Checkpoint.open(TinyModel.fixture).digest()
        try write(model: digest)
        let out = folder.file("d.safetensors")
        #expect(await run(["--layer", "2", "--out", out, "--control-vector", folder.file("c.gguf")]) == 0)
        let direction = try ResidualDirection(contentsOf: out)
        #expect(direction.difference == [Double](repeating: 2, count: 24))
        #expect(direction.metadata[Provenance.modelKey] == digest)
        let bytes = try Data(contentsOf: URL(fileURLWithPath: folder.file("c.gguf")))
        #expect(bytes.prefix(4) == Data("GGUF".utf8))
    }

    @Test func badInputEndsWithTwo() async throws {
        try write(model: "of another model")
        let out = folder.file("d.safetensors")
        #expect(await run(["--layer", "2", "--out", out]) == 2)
        #expect(await run(["--layer", "2", "--out", out, "--force"]) == 0)
        #expect(await run(["--layer", "3", "--out", folder.file("e")]) == 2)
        #expect(await run(["--layer", "2", "--position=-2", "--out", folder.file("e")]) == 2)
        try write(model: nil)
        #expect(await run(["--layer", "1", "--out", folder.file("e")]) == 2)
    }
}
