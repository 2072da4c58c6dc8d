import Selection
import Tensors
import TestSupport
import Testing

@Suite struct MaskTests {
    let mask: Mask
    let folder = TemporaryFolder()

    init() throws {
        mask = try SetDifference.mask(
            safety: scores(someScores(seed: 1)), q: 20, utility: scores(someScores(seed: 2)), p: 10, group: .matrix)
    }

    @Test func comesBackFromItsFile() throws {
        let path = folder.file("m.safetensors")
        try mask.write(to: path)
        #expect(try Mask(contentsOf: path) == mask)
    }

    /// The layout that the documentation's lines of Python rely on.
    @Test func fileLayout() throws {
        var bits = BitSet(size: 12)
        bits[0] = true
        bits[10] = true
        let small = Mask(maps: [
            .init(shape: WeightShape(name: "model.layers.3.mlp.down_proj.weight", rows: 3, columns: 4), bits: bits)
        ])
        try small.write(to: folder.file("m.safetensors"))
        let bundle = try TensorBundle(safetensors: folder.file("m.safetensors"))
        let entry = try #require(bundle["model.layers.3.mlp.down_proj.weight"])
        #expect(entry.type == .u8)
        #expect(entry.shape == [2])
        #expect(Array(entry.buffer.bytes) == [1, 4])
        #expect(bundle.metadata["shape:model.layers.3.mlp.down_proj.weight"] == "3,4")
        #expect(bundle.metadata["format"] == "faultline-mask")
        #expect(bundle.metadata["selected"] == "2")
    }

    private func bundle(_ change: (inout TensorBundle) -> Void) -> TensorBundle {
        var bundle = mask.bundle
        change(&bundle)
        return bundle
    }

    private func fault(_ bundle: TensorBundle) -> String? {
        do { _ = try Mask(bundle: bundle, source: "m") } catch { return "\(error)" }
        return nil
    }

    @Test func refusesWhatIsNoMask() {
        #expect(fault(mask.bundle) == nil)
        #expect(fault(bundle { $0.metadata["format"] = nil })?.contains("not a mask file") == true)
        #expect(fault(bundle { $0.metadata["version"] = "9" })?.contains("version 9") == true)
        #expect(fault(bundle { $0.metadata["shape:w1"] = nil })?.hasPrefix("m: w1: ") == true)
        #expect(fault(bundle { $0.metadata["shape:w1"] = "\(Int.max),2" })?.hasPrefix("m: w1: ") == true)
        #expect(fault(bundle { $0.metadata["shape:w1"] = "3,99" })?.contains("not the bits of [3 × 99]") == true)
        #expect(fault(bundle { $0.entries[0].buffer.bytes[7] = 0xFF })?.contains("not the bits") == true)
    }

    @Test func sparsityIsTheShareOfSelectedWeights() {
        var bits = BitSet(size: 8)
        for index in [0, 1, 2, 3] { bits[index] = true }
        #expect(Mask(maps: [.init(shape: WeightShape(name: "w", rows: 2, columns: 4), bits: bits)]).sparsity == 0.5)
    }

    @Test func isCheckedAgainstAModel() {
        let model = MatrixModel(shapes: ["w0": [6, 10], "w1": [3, 17], "w2": [40, 30]])
        #expect(throws: Never.self) { try mask.check(against: model, named: "the model") }
        #expect(throws: SelectionError.shape(map: "the model: w1", expected: [17, 3], found: [3, 17])) {
            try mask.check(
                against: MatrixModel(shapes: ["w0": [6, 10], "w1": [17, 3], "w2": [40, 30]]), named: "the model")
        }
        #expect(throws: SelectionError.missing(map: "w2", source: "the model")) {
            try mask.check(against: MatrixModel(shapes: ["w0": [6, 10], "w1": [3, 17]]), named: "the model")
        }
    }
}
