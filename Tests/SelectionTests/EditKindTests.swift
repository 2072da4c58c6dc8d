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
        try values.withUnsafeMutableBufferPointer {
            try rewrite("other", 0..<2, $0.baseAddress!)
            try rewrite("w", 1..<2, $0.baseAddress! + 3)
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

    @Test func aFileIsReadAsTheEditThatItNamesOrThatItsFormatTells() throws {
        let folder = TemporaryFolder()
        func written(_ bundle: TensorBundle) throws -> String {
            try bundle.write(safetensors: folder.file("edit"))
            return folder.file("edit")
        }
        let shape = WeightShape(name: "w", rows: 2, columns: 3)
        let mask = Mask(maps: [.init(shape: shape, bits: BitSet(size: 6))])
        let edits: [any WeightEdit] = [
            Steering(vectors: [0: [1, 2]], start: .position(3)), Ablation([0, 1]), ScaledWeights([shape], by: 2),
            Perturbation([.init(.random(seed: 7), factor: 0.5)]), LowRankEdit(maps: []), ZeroedWeights(mask),
            WeightDelta([.init(to: OtherCheckpoint(path: "a", digests: [String(repeating: "0", count: 64)]), scale: 1)]
            ),
        ]
        for edit in edits {
            let read = try EditFile.read(try written(edit.bundle))
            #expect(type(of: read).kind == type(of: edit).kind)
            #expect(read.bundle.metadata == edit.bundle.metadata)
        }
        // As other programs write them.
        var ranks = LowRankEdit(maps: []).bundle
        ranks.metadata[EditKind.key] = nil
        #expect(try EditFile.read(try written(ranks)) is LowRankEdit)
        for bundle in [FrozenWeights(mask).bundle, TensorBundle(metadata: ["format": "faultline-scores"])] {
            #expect(throws: SelectionError.self) { try EditFile.read(try written(bundle)) }
        }
    }

    @Test func anEditIsCheckedAgainstTheModelThatItSpeaksOf() throws {
        let model = try Checkpoint.open(TinyModel.fixture)
        let (map, size) = (WeightScores.maps(of: model.config)[0], model.config.hiddenSize)
        var wrong = map
        wrong.rows += 1
        let unit = [Float](repeating: 0, count: size - 1) + [1]
        let fitting: [any WeightEdit] = [
            Steering(vectors: [0: unit], start: .lastPromptToken), Ablation(unit), ScaledWeights([map], by: 2),
            Perturbation([.init(.random(seed: 7), factor: 0.5)]), LowRankEdit(maps: []),
        ]
        for edit in fitting { try edit.check(against: model, named: "edit") }
        let others: [any WeightEdit] = [
            Steering(vectors: [model.config.layerCount: unit], start: .lastPromptToken),
            Steering(vectors: [0: [1]], start: .lastPromptToken), Ablation([1]), ScaledWeights([wrong], by: 2),
            ZeroedWeights(Mask(maps: [.init(shape: wrong, bits: BitSet(size: wrong.count))])),
            Perturbation([.init(.file(path: "/nowhere", digest: ""), factor: 0.5)]),
            WeightDelta([.init(to: OtherCheckpoint(path: "/nowhere", digests: []), scale: 1)]),
        ]
        for edit in others { #expect(throws: (any Error).self) { try edit.check(against: model, named: "edit") } }
    }
}
