import Foundation
import Selection
import Tensors
import TestSupport
import Testing

@Suite struct LowRankEditTests {
    private let folder = TemporaryFolder()
    private let q = "model.layers.0.self_attn.q_proj.weight"
    private let down = "model.layers.1.mlp.down_proj.weight"

    private func bundle() -> TensorBundle {
        func entry(_ name: String, _ shape: [Int]) -> TensorBundle.Entry {
            .init(
                name: name, type: .f32, shape: shape, buffer: AlignedBuffer((0..<shape[0] * shape[1]).map { Float($0) })
            )
        }
        return TensorBundle(
            metadata: ["format": LowRankEdit.format, "version": LowRankEdit.version, "selection": "test"],
            entries: [
                entry(LowRankEdit.left(q), [4, 2]), entry(LowRankEdit.right(q), [2, 3]),
                entry(LowRankEdit.left(down), [5, 1]), entry(LowRankEdit.right(down), [1, 6]),
            ])
    }

    @Test func comesBackFromItsFile() throws {
        let edit = try LowRankEdit(bundle: bundle(), source: "test")
        #expect(edit.rank == 3)
        #expect(
            edit.maps.map(\.shape) == [
                WeightShape(name: q, rows: 4, columns: 3), WeightShape(name: down, rows: 5, columns: 6),
            ])
        try edit.bundle.write(safetensors: folder.file("e"))
        let again = try LowRankEdit(contentsOf: folder.file("e"))
        #expect(again[q]?.left.floatArray() == edit[q]?.left.floatArray())
        #expect(again.metadata == ["selection": "test"])
        #expect(again.bundle.metadata["edit"] == "low_rank")
    }

    @Test func brokenFilesAreRefused() throws {
        var broken = bundle()
        broken.entries.removeLast()
        #expect(throws: SelectionError.self) { try LowRankEdit(bundle: broken, source: "test") }
        broken = bundle()
        broken.entries.remove(at: 0)
        #expect(throws: SelectionError.self) { try LowRankEdit(bundle: broken, source: "test") }
        broken = bundle()
        broken.metadata["version"] = "3"
        #expect(throws: SelectionError.file("test", fault: "version 3, this program reads 2")) {
            try LowRankEdit(bundle: broken, source: "test")
        }
        #expect(throws: SelectionError.self) {
            try LowRankEdit(bundle: bundle(), source: "test").check(against: MatrixModel(), named: "test")
        }
    }

    @Test func adapterNamesEveryRank() throws {
        let edit = try LowRankEdit(bundle: bundle(), source: "test")
        try AdapterExport(base: "base").write(edit, to: folder.file("adapter"))
        let tensors = try TensorBundle(safetensors: folder.file("adapter/adapter_model.safetensors"))
        #expect(
            tensors["base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"]?.shape == [2, 3])
        #expect(
            tensors["base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight"]?.buffer.floatArray()
                == edit[q]?.left.floatArray())
        let data = try Data(contentsOf: URL(fileURLWithPath: folder.file("adapter/adapter_config.json")))
        let config = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        let ranks = ["model.layers.0.self_attn.q_proj": 2, "model.layers.1.mlp.down_proj": 1]
        #expect(config["rank_pattern"] as? [String: Int] == ranks)
        #expect(config["alpha_pattern"] as? [String: Int] == ranks)
        #expect(config["r"] as? Int == config["lora_alpha"] as? Int)
        #expect(Set(config["target_modules"] as? [String] ?? []) == Set(ranks.keys))
        #expect(throws: SelectionError.self) { try AdapterExport(base: "base").write(edit, to: folder.file("adapter")) }
    }
}
