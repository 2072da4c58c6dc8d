import Attribution
import Checkpoint
import Foundation
import Linalg
import ModelFixtures
import Protocol
import Selection
import Tensors
import TestSupport
import Testing

/// The rank level against NumPy (scripts/fixtures/make_rank.py), from the data to the changed weights, and the same bits
/// from any number of stages and threads.
///
/// Long: all of it compares with one file of numbers, which its helpers read.
@Suite struct RankTests {
    static let models = ["llama", "qwen2"]
    static let layer = 1

    /// The tensors of ranks.safetensors.
    private let expected: SafetensorsFile
    private let scratch: TemporaryFolder

    init() throws {
        let folder =
            URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().path
            + "/ModelFixtures/Fixtures"
        expected = try SafetensorsFile(path: folder + "/ranks.safetensors")
        scratch = TemporaryFolder()
    }

    private func floats(_ name: String) throws -> [Float] {
        try #require(
            expected.withBytes(of: name) { bytes in
                (0..<bytes.count / 4).map { bytes.loadUnaligned(fromByteOffset: $0 * 4, as: Float.self) }
            }, "\(name)")
    }

    private func doubles(_ name: String) throws -> [Double] {
        try #require(
            expected.withBytes(of: name) { bytes in
                (0..<bytes.count / 8).map { bytes.loadUnaligned(fromByteOffset: $0 * 8, as: Double.self) }
            }, "\(name)")
    }

    private func integers(_ name: String) throws -> [Int] {
        try #require(
            expected.withBytes(of: name) { bytes in
                (0..<bytes.count / 4).map { Int(bytes.loadUnaligned(fromByteOffset: $0 * 4, as: Int32.self)) }
            }, "\(name)")
    }

    /// Batches of three sequences of one side.
    private func batches(_ size: String, side: Int) throws -> [Batch] {
        let tokens = try integers("\(size).tokens")
        var start = 0
        let all = try zip(integers("\(size).lengths"), integers("\(size).scored_from")).map { length, from in
            defer { start += length }
            return TokenSequence(tokens: tokens[start..<start + length].map { Int32($0) }, scoredFrom: from)
        }
        let counts = try integers("\(size).counts")
        let own = side == 0 ? all.prefix(counts[0]) : all.suffix(counts[1])
        return stride(from: 0, to: own.count, by: 3).map {
            Batch(sequences: Array(own.dropFirst($0).prefix(3)))
        }
    }

    /// What a study does with a fleet: moments, then subspaces of the layer.
    private func subspaces(_ pipeline: LocalPipeline, _ size: String, side: Int, limits: [String: Int] = [:]) throws
        -> TensorBundle
    {
        try pipeline.apply(nil)
        let moments = try pipeline.run(.score(statistics: [.secondMoments], batches: try batches(size, side: side)))
        try pipeline.apply(
            TensorBundle(metadata: [EditKind.key: EditKind.operands.rawValue], entries: moments.flatMap(\.entries)))
        let results = try pipeline.run(.ranks(.init(kind: .subspaces, layer: Self.layer, limits: limits)))
        #expect(results.count { !$0.entries.isEmpty } == 1, "one stage has the layer")
        return TensorBundle(
            metadata: ["format": SubspaceFile.format, "version": SubspaceFile.version],
            entries: results.flatMap(\.entries))
    }

    private func file(_ bundle: TensorBundle, _ name: String) throws -> SubspaceFile {
        try bundle.write(safetensors: scratch.file(name))
        return try SubspaceFile(path: scratch.file(name))
    }

    private func maps(_ fixture: Fixture, layer: Int = Self.layer) -> [WeightShape] {
        WeightScores.maps(of: fixture.source.config, layer: layer)
    }

    private func edit(
        _ pipeline: LocalPipeline, _ fixture: Fixture, _ recipe: RankRecipe, _ files: [SubspaceFile],
        layer: Int = Self.layer
    ) throws -> LowRankEdit {
        let plan = try recipe.projectors(of: maps(fixture, layer: layer), subspaces: files)
        try pipeline.apply(
            TensorBundle(
                metadata: [EditKind.key: EditKind.operands.rawValue],
                entries: try Operand.entries(plan, subspaces: files)))
        let results = try pipeline.run(.ranks(.init(kind: .factors, layer: layer)))
        let words = ["format": LowRankEdit.format, "version": LowRankEdit.version]
        return try LowRankEdit(
            bundle: TensorBundle(metadata: words, entries: results.flatMap(\.entries)), source: "test")
    }

    /// Block by block, each on the model edited so far, against the same in NumPy.
    @Test(arguments: [[], [1], [1, 2]]) func blockByBlockMatchesNumPy(_ cuts: [Int]) throws {
        let fixture = try Fixture("llama")
        let pipeline = try LocalPipeline(fixture, cuts: cuts)
        var whole: LowRankEdit?
        for layer in 0..<fixture.source.config.layerCount {
            var files: [SubspaceFile] = []
            for side in 0..<2 {
                try pipeline.apply(whole?.bundle)
                let body = TaskBody.score(
                    statistics: [.secondMoments.ofLayer(layer)], batches: try batches("many", side: side))
                let moments = try pipeline.run(body).flatMap(\.entries)
                #expect(
                    moments.map(\.name)
                        == SecondMoments.places(of: fixture.source.config, layer: layer).map(\.name))
                try pipeline.apply(TensorBundle(metadata: [EditKind.key: EditKind.operands.rawValue], entries: moments))
                let found = try pipeline.run(.ranks(.init(kind: .subspaces, layer: layer))).flatMap(\.entries)
                files.append(
                    try file(
                        TensorBundle(
                            metadata: ["format": SubspaceFile.format, "version": SubspaceFile.version],
                            entries: found), "\(cuts.count)-\(layer)-\(side)"))
            }
            let block = try edit(
                pipeline, fixture, .orthogonalProjection(utility: .percent(60), safety: .percent(75)), files,
                layer: layer)
            if whole == nil { whole = block } else { whole!.maps += block.maps }
        }
        for map in WeightScores.maps(of: fixture.source.config) {
            let w = AlignedBuffer(floats: map.count)
            try fixture.source.read(map.name, rows: 0..<map.rows, into: w.floats.baseAddress!)
            let changed = try floats("llama.sequential.\(map.name)")
            let reference = (0..<map.count).map { changed[$0] - w.floats[$0] }
            let error = relativeError(Self.product(try #require(whole?[map.name])), reference)
            #expect(error < 1e-4, "\(map.name): \(error)")
        }
    }

    /// One layer's share of the statistics is what the whole pass has there.
    @Test(arguments: [[], [1], [1, 2], [2]], [0, 1]) func aLayersStatisticsAreThoseOfTheWhole(
        cuts: [Int], gradients: Int
    ) throws {
        let fixture = try Fixture("llama")
        let pipeline = try LocalPipeline(fixture, cuts: cuts)
        let data = try batches("many", side: 0)
        let all: [StatisticRequest] =
            (gradients == 1 ? [.absoluteGradient(.mean)] : []) + [.inputSquares, .secondMoments]
        func bytes(_ statistics: [StatisticRequest]) throws -> [String: [UInt8]] {
            let entries = try pipeline.run(.score(statistics: statistics, batches: data)).flatMap(\.entries)
            return Dictionary(uniqueKeysWithValues: entries.map { ($0.name, $0.buffer.byteArray()) })
        }
        let whole = try bytes(all)
        for layer in 0..<fixture.source.config.layerCount {
            let own = try bytes(all.map { $0.ofLayer(layer) })
            #expect(own == whole.filter { $0.key.contains(".layers.\(layer).") })
            #expect(own.count == 7 * gradients + 7 + 4)
        }
    }

    @Test(arguments: models, ["many", "few"]) func subspacesMatchNumPy(_ model: String, _ size: String) throws {
        let fixture = try Fixture(model)
        let pipeline = try LocalPipeline(fixture, cuts: [1])
        for (number, side) in ["safety", "utility"].enumerated() {
            let found = try file(try subspaces(pipeline, size, side: number), side)
            for map in maps(fixture) {
                let prefix = "\(model).\(size).\(side)"
                let reference = try doubles("\(prefix).singular.\(map.name)")
                let own = try found.singularValues(of: map.name)
                #expect(own.count == reference.count, "\(prefix) \(map.name): as many directions as the data shows")
                for (a, b) in zip(own, reference) { #expect(abs(a - b) < 1e-5 * reference[0]) }
                // Both [d_out × r]; the program's by rows.
                let u = try floats("\(prefix).directions.\(map.name)")
                let v = try found.directions(of: map.name, columns: Array(0..<own.count)).floatArray()
                let angle = Self.largestAngle(u: u, v: v, singular: reference, rows: map.rows)
                #expect(angle < 1e-3, "\(prefix) \(map.name): \(angle) rad")
                #expect(Self.orthonormality(v, rows: own.count, columns: map.rows) < 1e-6)
            }
        }
    }

    /// The largest principal angle over all leading subspaces that end at a gap of the spectrum (at least 2 %).
    private static func largestAngle(u: [Float], v: [Float], singular: [Double], rows: Int) -> Double {
        let count = singular.count
        var worst = 0.0
        for r in 1...count where r == count || singular[r] < 0.98 * singular[r - 1] {
            // sin of the largest angle is at most the Frobenius norm of what of v lies outside u.
            var outside = 0.0
            for k in 0..<r {
                let row = (0..<rows).map { Double(v[k * rows + $0]) }
                var rest = row
                for c in 0..<r {
                    let dot = (0..<rows).reduce(0.0) { $0 + row[$1] * Double(u[$1 * count + c]) }
                    for i in 0..<rows { rest[i] -= dot * Double(u[i * count + c]) }
                }
                outside += rest.reduce(0) { $0 + $1 * $1 }
            }
            worst = max(worst, outside.squareRoot())
        }
        return worst
    }

    private static func orthonormality(_ q: [Float], rows: Int, columns: Int) -> Double {
        var worst = 0.0
        for i in 0..<rows {
            for j in 0...i {
                let dot = (0..<columns).reduce(0.0) { $0 + Double(q[i * columns + $1]) * Double(q[j * columns + $1]) }
                worst = max(worst, abs(dot - (i == j ? 1 : 0)))
            }
        }
        return worst
    }

    /// ΔW against NumPy's, over every recipe, with many tokens and with fewer than the maps have ranks.
    @Test(arguments: models, ["many", "few"]) func changesMatchNumPy(_ model: String, _ size: String) throws {
        let fixture = try Fixture(model)
        let pipeline = try LocalPipeline(fixture, cuts: [1])
        let safety = try file(try subspaces(pipeline, size, side: 0), "safety")
        let utility = try file(try subspaces(pipeline, size, side: 1), "utility")
        let recipes: [(String, RankRecipe)] = [
            ("top", .removeTop(.percent(25))), ("keep", .keepTop(.percent(25))),
            ("bottom", .removeBottom(.percent(25))),
            ("rest", .orthogonalProjection(utility: .percent(60), safety: .percent(75))),
        ]
        for (name, recipe) in recipes {
            let files = name == "rest" ? [safety, utility] : [safety]
            let edit = try edit(pipeline, fixture, recipe, files)
            for map in maps(fixture) {
                let w = AlignedBuffer(floats: map.count)
                try fixture.source.read(map.name, rows: 0..<map.rows, into: w.floats.baseAddress!)
                let changed = try floats("\(model).\(size).\(name).\(map.name)")
                let reference = (0..<map.count).map { changed[$0] - w.floats[$0] }
                let own = try #require(edit[map.name], "\(name) \(map.name)")
                let change = Self.product(own)
                let error = relativeError(change, reference)
                #expect(error < 1e-4, "\(model) \(size) \(name) \(map.name): \(error)")
                #expect(own.rank <= map.rank)
                if name == "rest", size == "many" {
                    // rank ΔW ≤ min(r_u, R − r_s)
                    let (u, s) = (TopK.count(percent: 60, of: map.rank), TopK.count(percent: 75, of: map.rank))
                    #expect(own.rank == min(u, map.rank - s))
                }
            }
        }
    }

    private static func product(_ map: LowRankEdit.Map) -> [Float] {
        let left = DenseMatrix(rows: map.shape.rows, columns: map.rank, widening: map.left.floats.baseAddress!)
        let right = DenseMatrix(rows: map.rank, columns: map.shape.columns, widening: map.right.floats.baseAddress!)
        return Dense.product(left, right).narrowed().floatArray()
    }

    /// Removing what is removed already changes nothing: ΠΠ = Π.
    @Test func projectingTwiceIsProjectingOnce() throws {
        let directions = DenseMatrix(rows: 5, columns: 12)
        for i in 0..<60 { directions.pointer[i] = Double((i &* 7919) % 23) - 11 }
        try Dense.orthonormalise(directions)
        let x = DenseMatrix(rows: 4, columns: 12)
        for i in 0..<48 { x.pointer[i] = Double((i &* 104_729) % 31) / 10 - 1.5 }
        for isComplement in [false, true] {
            let projection = LowRankFactors.Projection(directions: directions, isComplement: isComplement)
            let once = projection(x)
            let twice = projection(once)
            for i in 0..<48 { #expect(abs(once.pointer[i] - twice.pointer[i]) < 1e-13) }
        }
        // As factors: W' = W − QᵀQW has nothing left to remove.
        let w = x.transposed
        let whole = try LowRankFactors([.init(directions: directions, isComplement: false)], weights: w)
        let left = Dense.product(whole.leftTransposed, transposeA: true, whole.right)
        let rest = w.copy
        for i in 0..<48 { rest.pointer[i] -= left.pointer[i] }
        let again = try LowRankFactors([.init(directions: directions, isComplement: false)], weights: rest)
        for i in 0..<again.right.rows * again.right.columns { #expect(abs(again.right.pointer[i]) < 1e-13) }
    }

    /// Moments, directions, factors and what the changed model says: from any stages, threads and memory.
    @Test(arguments: models) func anyShapeGivesTheSameBits(_ model: String) throws {
        let fixture = try Fixture(model)
        let layers = fixture.source.config.layerCount
        var golden: [String: [UInt8]]?
        for (cuts, threads, memory) in [
            ([], 1, 1 << 30), ([], 2, 1 << 30), ([1], 1, 1 << 30), ([1], 3, 0), (Array(1..<layers), 2, 0),
        ] as [([Int], Int, Int)] {
            let pipeline = try LocalPipeline(fixture, cuts: cuts, threads: threads, memoryBytes: memory)
            var bits: [String: [UInt8]] = [:]
            func keep(_ what: String, _ entries: [TensorBundle.Entry]) {
                for entry in entries { bits["\(what) \(entry.name)"] = entry.buffer.byteArray() }
            }
            let body = TaskBody.score(
                statistics: [.absoluteGradient(.mean), .inputSquares, .secondMoments],
                batches: try batches("many", side: 0))
            keep("statistics", try pipeline.run(body).flatMap(\.entries))
            let found = try subspaces(pipeline, "many", side: 0)
            keep("directions", found.entries)
            let other = try subspaces(pipeline, "few", side: 1)
            let edit = try edit(
                pipeline, fixture, .orthogonalProjection(utility: .percent(60), safety: .percent(75)),
                [try file(found, "a"), try file(other, "b")])
            keep("factors", edit.bundle.entries)
            let likelihood = TaskBody.likelihood(batches: try batches("few", side: 0))
            try pipeline.apply(nil)
            let before = try pipeline.run(likelihood).flatMap(\.entries).map { $0.buffer.byteArray() }
            try pipeline.apply(edit.bundle)
            let during = try pipeline.run(likelihood).flatMap(\.entries)
            keep("likelihood", during)
            #expect(during.map { $0.buffer.byteArray() } != before, "the edit is felt")
            try pipeline.apply(nil)
            #expect(
                try pipeline.run(likelihood).flatMap(\.entries).map { $0.buffer.byteArray() } == before,
                "and leaves no trace")
            #expect(bits.count > 40)
            #expect(golden == nil || golden == bits, "\(cuts), \(threads) threads, \(memory) bytes")
            golden = golden ?? bits
        }
    }

    /// Whatever form the projections have, the factors make the same product, over no more ranks than it has.
    @Test(arguments: [(12, 20), (20, 12)]) func factorsAreTheProductOfTheProjections(rows: Int, columns: Int) throws {
        func matrix(_ r: Int, _ c: Int, _ seed: Int) -> DenseMatrix {
            let x = DenseMatrix(rows: r, columns: c)
            for i in 0..<r * c { x.pointer[i] = Double(((i + seed) &* 7919 &* (i + 3)) % 101) / 50 - 1 }
            return x
        }
        func directions(_ count: Int, _ seed: Int) throws -> DenseMatrix {
            let q = matrix(count, rows, seed)
            try Dense.orthonormalise(q)
            return q
        }
        let w = matrix(rows, columns, 9)
        for (first, firstIs, second, secondIs, most) in [
            (3, false, 5, true, 3), (3, true, 5, false, 5), (4, false, 2, false, 2), (rows - 2, true, 4, true, 2),
            (rows - 2, true, 4, false, 2), (3, true, 3, true, 12), (0, false, 3, true, 0),
        ] {
            let chain = [
                LowRankFactors.Projection(directions: try directions(first, 1), isComplement: firstIs),
                LowRankFactors.Projection(directions: try directions(second, 2), isComplement: secondIs),
            ]
            let factors = try LowRankFactors(chain, weights: w)
            #expect(factors.rank <= most, "\(first) \(firstIs) \(second) \(secondIs)")
            // Columns of W are rows here.
            let expected = chain[1](chain[0](w.transposed)).transposed
            let product = Dense.product(factors.leftTransposed, transposeA: true, factors.right)
            for i in 0..<rows * columns { #expect(abs(product.pointer[i] - expected.pointer[i]) < 1e-12) }
        }
    }

    @Test func limitsCapTheDirections() throws {
        let fixture = try Fixture("qwen2")
        let pipeline = try LocalPipeline(fixture, cuts: [])
        let all = maps(fixture)
        let limits = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0.rank / 4) })
        let some = try file(try subspaces(pipeline, "many", side: 0, limits: limits), "some")
        let whole = try file(try subspaces(pipeline, "many", side: 0), "whole")
        for map in all {
            #expect(try some.shape(of: map.name).columns == map.rank / 4)
            let columns = Array(0..<map.rank / 4)
            #expect(
                try some.directions(of: map.name, columns: columns).floatArray()
                    == whole.directions(of: map.name, columns: columns).floatArray())
        }
    }

    @Test func operandsThatDoNotFitAreRefused() throws {
        let fixture = try Fixture("llama")
        let pipeline = try LocalPipeline(fixture, cuts: [])
        #expect(throws: (any Error).self) { try pipeline.run(.ranks(.init(kind: .subspaces, layer: 0))) }
        let name = LinearMap.q.weightName(layer: 0)
        let wrong = TensorBundle(
            metadata: [EditKind.key: EditKind.lowRank.rawValue],
            entries: [
                .init(name: LowRankEdit.left(name), type: .f32, shape: [3, 1], buffer: AlignedBuffer(floats: 3)),
                .init(name: LowRankEdit.right(name), type: .f32, shape: [1, 24], buffer: AlignedBuffer(floats: 24)),
            ])
        #expect(throws: (any Error).self) { try pipeline.apply(wrong) }
        try pipeline.apply(nil)
    }
}
