import Checkpoint
import Selection
import Tensors
import TestSupport
import Testing

/// Edits are found by their kind, on both sides; what a stage gets of one, and what an export makes of it.
@Suite struct EditKindTests {
    private func entry(_ name: String) -> TensorBundle.Entry {
        .init(name: name, type: .u8, shape: [1], buffer: AlignedBuffer(bytes: [1]))
    }

    @Test func aKindsTypeIsOfThatKind() {
        for kind in EditKind.allCases { #expect(kind.type.kind == kind) }
    }

    @Test func aBundleWithoutAKindIsAMaskAndAnUnknownKindIsRefusedInWords() throws {
        #expect(try EditKind.of(TensorBundle()) == .zero)
        #expect(try EditKind.of(TensorBundle(metadata: ["edit": "low_rank"])) == .lowRank)
        let error = #expect(throws: SelectionError.self) {
            try EditKind.of(TensorBundle(metadata: ["edit": "rotate"]))
        }
        #expect(error?.description.hasPrefix("edits of kind rotate are unknown (known: zero, freeze, ") == true)
    }

    @Test func aMaskIsAnEditAsItIsInItsFile() throws {
        var bits = BitSet(size: 6)
        for index in [0, 4] { bits[index] = true }
        let mask = Mask(
            maps: [.init(shape: WeightShape(name: "w", rows: 2, columns: 3), bits: bits)], metadata: ["condition": "c"])
        let (zeroed, frozen) = (ZeroedWeights(mask).bundle, FrozenWeights(mask).bundle)
        #expect(zeroed.metadata == mask.bundle.metadata)
        #expect(frozen.metadata == mask.bundle.metadata.merging(["edit": "freeze"]) { $1 })
        #expect(try ZeroedWeights(bundle: zeroed, source: "z").mask == mask)
        #expect(try FrozenWeights(bundle: frozen, source: "f").mask == mask)
        var values: [Float] = [1, 2, 3, 4, 5, 6]
        let rewrite = try ZeroedWeights(mask).rewrite()
        values.withUnsafeMutableBufferPointer {
            rewrite("other", 0..<2, $0.baseAddress!)
            rewrite("w", 1..<2, $0.baseAddress! + 3)
        }
        #expect(values == [1, 2, 3, 4, 0, 6])
        #expect(throws: SelectionError.notExported("freeze")) { try FrozenWeights(mask).rewrite() }
    }

    /// Two stages of a model with four layers.
    @Test func aStageGetsItsShare() throws {
        let first = StagePlace(layers: 0..<2, of: 4)
        let last = StagePlace(layers: 2..<4, of: 4)
        func names(_ kind: EditKind, _ names: [String], _ place: StagePlace) -> [String] {
            kind.type.share(TensorBundle(entries: names.map { entry($0) }), of: place).map(\.name)
        }
        let weights = ["model.layers.1.mlp.up_proj.weight", "left.model.layers.3.mlp.up_proj.weight", "x"]
        for kind in [EditKind.zero, .freeze, .lowRank, .operands] {
            #expect(names(kind, weights, first) == [weights[0], "x"])
            #expect(names(kind, weights, last) == [weights[1], "x"])
        }
        let tied = ["model.embed_tokens.weight", "m.model.embed_tokens.weight", "model.norm.weight"]
        #expect(names(.training, tied, first) == Array(tied.prefix(2)))
        #expect(names(.training, tied, last) == tied)
        #expect(names(.training, tied + ["lm_head.weight"], first) == Array(tied.prefix(2)))
        #expect(names(.training, tied + ["lm_head.weight"], last) == ["model.norm.weight", "lm_head.weight"])
    }
}
