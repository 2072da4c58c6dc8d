import Checkpoint
import Foundation
import ModelFixtures
import Protocol
import Selection
import Tensors
import Testing

/// What is done to a model after LoRA fine-tuning: Safe LoRA against PyTorch (scripts/fixtures/make_lora.py), Antidote against
/// a plain version.
@Suite struct RepairTests {
    /// Another checkpoint, as the script makes it: W less noise, times `scale`.
    private final class Base: WeightSource {
        let aligned: any WeightSource
        let scale: Float
        /// A weight that it has as the aligned model has it.
        let same: String?
        init(_ aligned: any WeightSource, scale: Float = 1, same: String? = nil) {
            (self.aligned, self.scale, self.same) = (aligned, scale, same)
        }
        var config: ModelConfig { aligned.config }
        func shape(of name: String) -> [Int]? { aligned.shape(of: name) }
        func read(_ name: String, rows: Range<Int>, into destination: UnsafeMutablePointer<Float>) throws {
            try aligned.read(name, rows: rows, into: destination)
            guard name != same, let columns = shape(of: name)?.last else { return }
            let draws = RandomStream(seed: 7, name: "base.\(name)")
            for index in 0..<rows.count * columns {
                destination[index] -= scale * Float(0.2 * draws.double(rows.lowerBound * columns + index) - 0.1)
            }
        }
    }

    private func expected(_ fixture: Fixture) throws -> TensorBundle {
        try TensorBundle(safetensors: fixture.path + "/lora.safetensors")
    }

    private func tuned(_ fixture: Fixture) throws -> LowRankEdit {
        let trained = try expected(fixture).entries.filter { $0.name.hasPrefix("lora_") }
        return try LowRankEdit(trained: trained.sorted { $0.name < $1.name }, LoRATests.lora)
    }

    @Test(arguments: Fixture.names) func safeLoRAIsThatOfPyTorch(_ name: String) throws {
        let fixture = try Fixture(name)
        let (edit, expected) = (try tuned(fixture), try expected(fixture))
        let all = try SafeLoRA.repaired(
            edit, aligned: fixture.source, base: Base(fixture.source), baseName: "base", .threshold(1))
        for (index, map) in edit.maps.enumerated() {
            let name = map.shape.name
            let projection = try SafeLoRA.projection(
                of: map, aligned: fixture.source, base: Base(fixture.source))
            let wanted = expected["safe.B.\(name)"]!.buffer.floatArray().map { LoRATests.lora.scale * $0 }
            #expect(relativeError(try #require(projection.left).map { Float($0) }, wanted) < 1e-4, "\(name)")
            #expect(relativeError(all.maps[index].left.floatArray(), wanted) < 1e-4, "\(name)")
            #expect(all.maps[index].right.byteArray() == map.right.byteArray())
            let cosine = Double(expected["safe.cos.\(name)"]!.buffer.floatArray()[0])
            #expect(abs(try #require(projection.cosine) - cosine) < 1e-4)
        }
    }

    /// C is no projection: it grows with the difference of the checkpoints.
    @Test func twiceTheDifferenceIsTwiceC() throws {
        let fixture = try Fixture("llama")
        let map = try tuned(fixture).maps[0]
        func projection(_ scale: Float) throws -> SafeLoRA.Projection {
            try SafeLoRA.projection(
                of: map, aligned: fixture.source, base: Base(fixture.source, scale: scale))
        }
        let (one, two) = (try projection(1), try projection(2))
        #expect(
            relativeError(try #require(two.left).map { Float($0) }, try #require(one.left).map { Float(2 * $0) }) < 1e-4
        )
        #expect(abs(one.cosine! - two.cosine!) < 1e-4)
    }

    @Test func theChoiceIsByCosine() throws {
        let fixture = try Fixture("qwen2")
        let edit = try tuned(fixture)
        func repaired(_ choice: SafeLoRA.Choice) throws -> LowRankEdit {
            try SafeLoRA.repaired(
                edit, aligned: fixture.source, base: Base(fixture.source), baseName: "base", choice)
        }
        let cosines = try edit.maps.map {
            try SafeLoRA.projection(of: $0, aligned: fixture.source, base: Base(fixture.source)).cosine!
        }
        let lowest = cosines.indices.min { cosines[$0] < cosines[$1] }!
        // Below the lowest cosine nothing changes, to the bit.
        let none = try repaired(.threshold(cosines[lowest] - 1e-6))
        #expect(none.bundle.entries.map { $0.buffer.byteArray() } == edit.bundle.entries.map { $0.buffer.byteArray() })
        #expect(none.metadata["replaced"] == "")
        for choice in [SafeLoRA.Choice.threshold(cosines[lowest]), .lowest(1)] {
            let one = try repaired(choice)
            for index in edit.maps.indices {
                let isSame = one.maps[index].left.byteArray() == edit.maps[index].left.byteArray()
                #expect(isSame == (index != lowest))
            }
        }
        #expect(try repaired(.lowest(1000)).maps.count == edit.maps.count)
        // A map that the base has as well has no C: it stays, and the others are replaced.
        let same = edit.maps[lowest].shape.name
        let others = try SafeLoRA.repaired(
            edit, aligned: fixture.source, base: Base(fixture.source, same: same), baseName: "base", .threshold(1))
        for index in edit.maps.indices {
            let isSame = others.maps[index].left.byteArray() == edit.maps[index].left.byteArray()
            #expect(isSame == (index == lowest))
        }
        #expect(others.metadata["cosines"]?.split(separator: " ").firstIndex(of: "none") == lowest)
        // Equal checkpoints have no C.
        #expect(throws: SelectionError.self) {
            try SafeLoRA.repaired(
                edit, aligned: fixture.source, base: fixture.source, baseName: "base", .lowest(1))
        }
    }

    private func statistics(_ fixture: Fixture, _ edit: LowRankEdit, _ place: Antidote.Place) throws -> TensorBundle {
        let pipeline = try LocalPipeline(fixture, cuts: [1])
        try pipeline.apply(edit.bundle)
        let batch = Batch(sequences: try fixture.sequences())
        let results = try pipeline.run(.score(statistics: [place.statistic.request()], batches: [batch]))
        return TensorBundle(entries: results.flatMap(\.entries))
    }

    @Test func antidoteTakesTheFirstTenthOfEveryRowOfTheMergedWeights() throws {
        let fixture = try Fixture("qwen3")
        let edit = try tuned(fixture)
        let folded = try statistics(fixture, edit, .merged)
        let pruned = try #require(
            try Antidote.pruned(edit, .merged, percent: 10, model: fixture.source, folded: folded) as? PrunedLowRank)
        for map in edit.maps {
            let (rows, columns, rank) = (map.shape.rows, map.shape.columns, map.rank)
            var weights = [Float](repeating: 0, count: rows * columns)
            try fixture.source.read(map.shape.name, rows: 0..<rows, into: &weights)
            let sums = folded[StatisticName.inputSquares(map.shape.name)]!.buffer.doubleArray()
            let bits = try #require(pruned.mask[map.shape.name]).bits
            for i in 0..<rows {
                let row = (0..<columns).map { j -> Double in
                    var w = Double(weights[i * columns + j])
                    for c in 0..<rank {
                        w += Double(map.left.floats[i * rank + c]) * Double(map.right.floats[c * columns + j])
                    }
                    return abs(w) * sums[j].squareRoot()
                }
                let chosen = (0..<columns).filter { bits[i * columns + $0] }
                #expect(chosen.count == columns / 10)
                #expect(Set(chosen) == Set((0..<columns).sorted { row[$0] > row[$1] }.prefix(columns / 10)))
            }
        }
        // The workers' weights: on any stages, streamed or resident, and as they are exported.
        let again = try PrunedLowRank(bundle: pruned.bundle, source: "test")
        #expect(again.bundle.image().sha256() == pruned.bundle.image().sha256())
        let text = TaskBody.likelihood(batches: [Batch(sequences: try fixture.sequences())])
        var seen: Set<[UInt8]> = []
        for (cuts, threads, memory) in [([], 1, 1 << 30), ([1], 2, 1 << 30), ([1], 1, 1)] {
            let pipeline = try LocalPipeline(fixture, cuts: cuts, threads: threads, memoryBytes: memory)
            let unedited = try pipeline.run(text).last!.image().bytes()
            try pipeline.apply(pruned.bundle)
            seen.insert(try pipeline.run(text).last!.image().bytes())
            try pipeline.apply(nil)
            #expect(try pipeline.run(text).last!.image().bytes() == unedited)
        }
        #expect(seen.count == 1)
        let exported = try LocalPipeline(Rewritten(fixture.source, try pruned.rewrite()), cuts: [])
        #expect(seen.contains(try exported.run(text).last!.image().bytes()))
    }

    private final class Rewritten: WeightSource, @unchecked Sendable {
        let base: any WeightSource
        let rewrite: WeightRewrite
        init(_ base: any WeightSource, _ rewrite: @escaping WeightRewrite) {
            (self.base, self.rewrite) = (base, rewrite)
        }
        var config: ModelConfig { base.config }
        func shape(of name: String) -> [Int]? { base.shape(of: name) }
        func read(_ name: String, rows: Range<Int>, into destination: UnsafeMutablePointer<Float>) throws {
            try base.read(name, rows: rows, into: destination)
            try rewrite(name, rows, destination)
        }
    }

    @Test func antidoteOnAAndBGoesByTheirOwnInputs() throws {
        let fixture = try Fixture("llama")
        var edit = try tuned(fixture)
        edit.maps.removeAll { $0.shape.name.contains("down_proj") }
        let folded = try statistics(fixture, edit, .factors)
        let pruned = try #require(
            try Antidote.pruned(edit, .factors, percent: 34, model: fixture.source, folded: folded) as? LowRankEdit)
        // The same inputs, seen as squares.
        let squares = try statistics(fixture, edit, .merged)
        for (map, other) in zip(edit.maps, pruned.maps) {
            let (columns, rank) = (map.shape.columns, map.rank)
            let sums = squares[StatisticName.inputSquares(map.shape.name)]!.buffer.doubleArray()
            for c in 0..<rank {
                let row = (0..<columns).map { abs(Double(map.right.floats[c * columns + $0])) * sums[$0].squareRoot() }
                let gone = (0..<columns).filter { other.right.floats[c * columns + $0] == 0 }
                #expect(Set(gone) == Set((0..<columns).sorted { row[$0] > row[$1] }.prefix(columns * 34 / 100)))
            }
            // ⌊0.34 · 3⌋ = 1 of every row of B.
            for i in 0..<map.shape.rows {
                #expect((0..<rank).count { other.left.floats[i * rank + $0] == 0 } == 1)
            }
        }
        #expect(throws: (any Error).self) {
            try Antidote.pruned(tuned(fixture), .factors, percent: 10, model: fixture.source, folded: folded)
        }
    }
}
