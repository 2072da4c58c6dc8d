import Checkpoint
import Selection
import Tensors
import TestSupport
import Testing

/// Edits that a path and a digest stand for: as tensors and back, known by content, and what a stage gets of them.
@Suite struct CheckpointEditTests {
    private let digest = String(repeating: "a", count: 64)
    private let other = String(repeating: "b", count: 64)

    private func content(_ bundle: TensorBundle) -> String { TensorBundle(entries: bundle.entries).image().sha256() }

    private var mask: Mask {
        var bits = BitSet(size: 6)
        for index in [0, 4] { bits[index] = true }
        let names = [0, 1].map { LinearMap.up.weightName(layer: $0) }
        return Mask(maps: names.map { .init(shape: WeightShape(name: $0, rows: 2, columns: 3), bits: bits) })
    }

    @Test func aPerturbationIsTheSameAfterItTravelled() throws {
        let steps: [Perturbation.Step] = [
            .init(.random(seed: .max - 5), factor: 0.1), .init(.file(path: "/d", digest: digest), factor: -2),
        ]
        let edit = Perturbation(steps, isOrthogonal: true, metadata: ["condition": "c"])
        let again = try Perturbation(bundle: edit.bundle, source: "p")
        #expect(again.steps == steps && again.isOrthogonal && again.isScaled && again.metadata == ["condition": "c"])
        #expect(try EditKind.of(edit.bundle) == .perturbation)
        // The content decides what it is known by, not where a file lies.
        let moved = Perturbation([steps[0], .init(.file(path: "/e", digest: digest), factor: -2)], isOrthogonal: true)
        #expect(content(moved.bundle) == content(edit.bundle))
        let another = Perturbation([steps[0], .init(.file(path: "/d", digest: other), factor: -2)], isOrthogonal: true)
        #expect(content(another.bundle) != content(edit.bundle))
        #expect(Perturbation([.init(.random(seed: 1), factor: 0)]).isIdentity && !edit.isIdentity)
    }

    @Test func aDeltaIsTheSameAfterItTravelled() throws {
        let a = OtherCheckpoint(path: "/a", digests: [digest, other])
        let b = OtherCheckpoint(path: "/b", digests: [other, other])
        let terms: [WeightDelta.Term] = [
            .init(to: a, scale: 0.25),
            .init(
                to: a, from: b, scale: -1, mask: mask,
                share: .init(probability: 0.3, seed: .max, isRescaled: true)),
        ]
        let edit = WeightDelta(terms, metadata: ["condition": "c"])
        let again = try WeightDelta(bundle: edit.bundle, source: "d")
        #expect(again.terms == terms && again.metadata == ["condition": "c"])
        #expect(again.terms[1].from?.path == "/b")
        // A stage gets the masks of its own layers.
        let names = WeightDelta.share(edit.bundle, of: StagePlace(layers: 1..<2, of: 2)).map(\.name)
        #expect(names.filter { $0.contains("mask") } == ["term.1.mask.\(LinearMap.up.weightName(layer: 1))"])
        let share = TensorBundle(
            metadata: edit.bundle.metadata,
            entries: WeightDelta.share(edit.bundle, of: StagePlace(layers: 1..<2, of: 2)))
        #expect(try WeightDelta(bundle: share, source: "d").terms[1].mask?.maps.count == 1)
    }

    @Test func aDeltaThatAddsNothingSaysWhy() {
        let a = OtherCheckpoint(path: "/a", digests: [digest])
        let copy = OtherCheckpoint(path: "/b", digests: [digest])
        let model = MatrixModel()
        func reason(_ term: WeightDelta.Term) -> String? { WeightDelta([term]).reasonForNoEffect(in: model) }
        #expect(reason(.init(to: a, scale: 0)) == "its scale is 0")
        #expect(reason(.init(to: a, from: copy, scale: 1)) == "the two checkpoints have the same weights")
        #expect(reason(.init(to: a, scale: 1, mask: Mask(maps: []))) == "its mask selects no weight")
        let none = WeightDelta.Share(probability: 0, seed: 1, isRescaled: false)
        #expect(reason(.init(to: a, scale: 1, share: none)) == "it keeps no weight")
        #expect(reason(.init(to: a, scale: 1)) == nil)
    }

    @Test func bundlesOfAnotherKindAreRefused() {
        #expect(throws: SelectionError.file("x", fault: "is no perturbation")) {
            try Perturbation(bundle: WeightDelta([]).bundle, source: "x")
        }
        #expect(throws: SelectionError.file("x", fault: "is no delta")) {
            try WeightDelta(bundle: Perturbation([.init(.random(seed: 1), factor: 1)]).bundle, source: "x")
        }
    }

    /// What decides how a model computes has to be the same, and every tensor.
    @Test func modelsThatDoNotMixAreRefusedByName() throws {
        let own = MatrixModel(layers: 2).config
        func fault(_ change: (inout ModelConfig) -> Void) -> String? {
            var config = own
            change(&config)
            do throws(SelectionError) { try OtherCheckpoint.check(config, at: "o", against: own) } catch {
                return error.description
            }
            return nil
        }
        #expect(fault { _ in } == nil)
        #expect(fault { $0.maxPositions = 9 } == nil)
        #expect(fault { $0.architecture = .qwen2 } == "o: is a qwen2 model, and the study's a llama one")
        #expect(
            fault { $0.tiedEmbeddings = true } == "o: lm_head.weight: only the study's model has it")
        #expect(
            fault { $0.attentionOutputBias = true }
                == "o: model.layers.0.self_attn.o_proj.bias: the study's model has no such tensor")
        #expect(
            fault { $0.vocabularySize = 65 } == "o: model.embed_tokens.weight: shape [65, 4] where [64, 4] was expected"
        )
        #expect(
            fault { $0.ropeTheta = 5 }
                == "o: its rope theta is not that of the study's model: their weights do not mix")
    }
}
