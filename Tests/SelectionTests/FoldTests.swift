import Selection
import Tensors
import TestSupport
import Testing

@Suite struct FoldTests {
    let folder = TemporaryFolder()

    /// Stage `stage` of block `block`: an f32 and an f64 tensor whose sums depend on the order of addition.
    private func partial(block: Int, stage: Int) -> BundlePartial {
        let stream = RandomStream(seed: 3, name: "\(block) \(stage)")
        let single = AlignedBuffer((0..<6).map { stream.float($0) * 1e8 })
        let double = AlignedBuffer(byteCount: 24)
        for index in 0..<3 {
            double.bytes.storeBytes(of: stream.double(index + 50) * 1e17, toByteOffset: index * 8, as: Double.self)
        }
        return BundlePartial(
            TensorBundle(entries: [
                .init(name: "g\(stage)", type: .f32, shape: [2, 3], buffer: single),
                .init(name: "x\(stage)", type: .f64, shape: [3], buffer: double),
            ]), label: "block \(block) stage \(stage)")
    }

    @Test func sumsInBlockOrder() throws {
        let blocks = (0..<5).map { block in (0..<2).map { partial(block: block, stage: $0) } }
        try Fold.fold(blocks: blocks, to: folder.file("f"))
        let folded = try TensorBundle(safetensors: folder.file("f"))
        #expect(folded.entries.count == 4)
        for stage in 0..<2 {
            var single = [Float](repeating: 0, count: 6)
            var double = [Double](repeating: 0, count: 3)
            for block in 0..<5 {
                let stream = RandomStream(seed: 3, name: "\(block) \(stage)")
                for index in 0..<6 { single[index] += stream.float(index) * 1e8 }
                for index in 0..<3 { double[index] += stream.double(index + 50) * 1e17 }
            }
            #expect(Array(folded["g\(stage)"]!.buffer.floats) == single)
            let found = folded["x\(stage)"]!.buffer.bytes
            #expect((0..<3).map { found.loadUnaligned(fromByteOffset: $0 * 8, as: Double.self) } == double)
        }
    }

    /// Who computed which stages, and from where the partials come, does not show in the bytes.
    @Test func bytesDoNotDependOnTheFleet() throws {
        try Fold.fold(blocks: (0..<4).map { b in (0..<2).map { partial(block: b, stage: $0) } }, to: folder.file("a"))
        var blocks: [[any Partial]] = []
        for block in 0..<4 {
            var partials: [any Partial] = []
            for stage in [1, 0] {
                guard block % 2 == 0 else { partials.append(partial(block: block, stage: stage)); continue }
                let path = folder.file("p\(block)-\(stage)")
                let source = partial(block: block, stage: stage)
                try Fold.fold(blocks: [[source]], to: path)
                partials.append(try SafetensorsFile(path: path))
            }
            blocks.append(partials)
        }
        try Fold.fold(blocks: blocks, to: folder.file("b"))
        #expect(try Digest.sha256(file: folder.file("a")) == Digest.sha256(file: folder.file("b")))
    }

    @Test func refusesHolesAndDoubles() {
        let one = { (block: Int, stage: Int) in partial(block: block, stage: stage) as any Partial }
        let path = folder.file("f")
        #expect(throws: SelectionError.file(path, map: "g1", fault: "block 1 lacks it, or has it in another shape")) {
            try Fold.fold(blocks: [[one(0, 0), one(0, 1)], [one(1, 0)]], to: path)
        }
        #expect(throws: SelectionError.file("block 1 stage 0", map: "g0", fault: "block 1 has it twice")) {
            try Fold.fold(blocks: [[one(0, 0)], [one(1, 0), one(1, 0)]], to: path)
        }
        #expect(throws: SelectionError.file(path, fault: "block 1 holds tensors that block 0 does not")) {
            try Fold.fold(blocks: [[one(0, 0)], [one(1, 0), one(1, 1)]], to: path)
        }
        #expect(throws: SelectionError.file(path, fault: "no blocks to fold")) { try Fold.fold(blocks: [], to: path) }
    }
}
