import Foundation
import Selection
import Tensors
import TestSupport
import Testing

@Suite struct LowRankEditTests {
    /// left · right of the sum is the sum of the products; a factor of 1 alone keeps the bits.
    @Test func aSumIsTheSumOfTheChanges() throws {
        func edit(_ rank: Int, _ start: Float) throws -> LowRankEdit {
            let left = AlignedBuffer((0..<3 * rank).map { start + Float($0) })
            let right = AlignedBuffer((0..<rank * 2).map { start - Float($0) })
            let bundle = TensorBundle(
                metadata: ["format": LowRankEdit.format, "version": LowRankEdit.version],
                entries: [
                    .init(name: LowRankEdit.left("w"), type: .f32, shape: [3, rank], buffer: left),
                    .init(name: LowRankEdit.right("w"), type: .f32, shape: [rank, 2], buffer: right),
                ])
            return try LowRankEdit(bundle: bundle, source: "test")
        }
        func product(_ edit: LowRankEdit, _ row: Int, _ column: Int) -> Float {
            guard let map = edit["w"] else { return 0 }
            return (0..<map.rank).reduce(0) {
                $0 + map.left.floats[row * map.rank + $1] * map.right.floats[$1 * 2 + column]
            }
        }
        let (a, b) = (try edit(1, 2), try edit(2, -1))
        let sum = try LowRankEdit(sumOf: [.init(a), .init(b, factor: -0.5)])
        #expect(sum.maps.count == 1 && sum["w"]?.rank == 3)
        for row in 0..<3 {
            for column in 0..<2 {
                #expect(product(sum, row, column) == product(a, row, column) - 0.5 * product(b, row, column))
            }
        }
        let alone = try LowRankEdit(sumOf: [.init(a), .init(b, factor: 0)])
        #expect(alone.bundle.image().sha256() == a.bundle.image().sha256())
        #expect(throws: SelectionError.self) { try LowRankEdit(sumOf: [.init(a, factor: 1e300)]) }
    }

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
