import Selection
import Tensors
import TestSupport
import Testing

@Suite struct OverlapTests {
    private let folder = TemporaryFolder()

    private func mask(_ chosen: [[Int]]) -> Mask {
        Mask(
            maps: chosen.enumerated().map { number, indices in
                var bits = BitSet(size: 12)
                for index in indices { bits[index] = true }
                return Mask.Map(shape: WeightShape(name: "m\(number)", rows: 3, columns: 4), bits: bits)
            })
    }

    @Test func jaccardIsIntersectionOverUnion() throws {
        let values = try Overlap.jaccard(mask([[0, 1, 2], [], [5]]), mask([[1, 2, 3, 4], [], []]))
        #expect(values.map(\.map) == ["m0", "m1", "m2"])
        #expect(values.map(\.value) == [2.0 / 5, 1, 0])
        #expect(values.map(\.sizes) == [[3, 4], [0, 0], [1, 0]])
        #expect(throws: SelectionError.self) { try Overlap.jaccard(mask([[0]]), mask([[0], [1]])) }
    }

    /// Directions as columns of a [d_out × r] matrix.
    private func subspaces(_ name: String, _ columns: [[Float]]) throws -> SubspaceFile {
        let rows = columns[0].count
        let flat = (0..<rows).flatMap { row in columns.map { $0[row] } }
        let values = AlignedBuffer(byteCount: 8 * columns.count)
        try TensorBundle(
            metadata: ["format": SubspaceFile.format, "version": SubspaceFile.version],
            entries: [
                .init(name: "w", type: .f32, shape: [rows, columns.count], buffer: AlignedBuffer(flat)),
                .init(
                    name: SubspaceFile.singularValues("w"), type: .f64, shape: [columns.count], buffer: values),
            ]
        ).write(safetensors: folder.file(name))
        return try SubspaceFile(path: folder.file(name))
    }

    @Test func similarityIsTheShareInCommon() throws {
        let half = Float(0.5).squareRoot()
        let a = try subspaces("a", [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]])
        let b = try subspaces("b", [[0, 1, 0, 0], [0, 0, half, half]])
        let map = WeightShape(name: "w", rows: 4, columns: 9)
        func value(_ rank: RankAmount, _ x: SubspaceFile, _ y: SubspaceFile) throws -> Double {
            try Overlap.similarity(x, y, rank: rank, maps: [map])[0].value
        }
        // One direction in common, and half of another: 1.5 of the smaller rank, 2.
        #expect(abs(try value(.count(3), a, b) - 0.75) < 1e-6)
        #expect(abs(try value(.count(3), a, a) - 1) < 1e-6)
        // The first directions alone are orthogonal.
        #expect(try value(.count(1), a, b) == 0)
        #expect(try value(.percent(75), a, b) == value(.count(3), a, b))
        #expect(throws: SelectionError.rank(map: "w", name: "rank", value: 4, limit: 4)) {
            try value(.count(4), a, b)
        }
        // None is nothing to compare, not a similarity of 0.
        for amount in [RankAmount.percent(20), .count(0)] {
            #expect(
                throws: SelectionError.noRank(map: "w", name: "rank", amount: amount.text, limit: 4)
            ) { try value(amount, a, a) }
        }
        #expect(try a.directions(of: "w", columns: [2, 0]).floatArray() == [0, 0, 1, 0, 1, 0, 0, 0])
    }

    /// A file that was told to hold few directions is no proof that the data shows no more.
    @Test func aLimitedFileIsNotTakenForAll() throws {
        let map = WeightShape(name: "w", rows: 4, columns: 9)
        for (rank, isRefused) in [("all", false), ("2", true), ("3", false)] {
            let name = "limited-\(rank)"
            _ = try subspaces(name, [[1, 0, 0, 0], [0, 1, 0, 0]])
            var bundle = try TensorBundle(safetensors: folder.file(name))
            bundle.metadata["rank"] = rank
            try bundle.write(safetensors: folder.file(name))
            let file = try SubspaceFile(path: folder.file(name))
            #expect(try file.isLimited(map) == isRefused)
            let recipe = RankRecipe.removeBottom(.count(1))
            if isRefused {
                let error = #expect(throws: SelectionError.self) { try recipe.projectors(of: [map], subspaces: [file]) }
                #expect(error?.description.contains("first 2 directions only, 3 are needed") == true)
            } else {
                #expect(try recipe.projectors(of: [map], subspaces: [file])[0].projectors.count == 1)
            }
            #expect(
                try RankRecipe.removeTop(.count(2)).projectors(of: [map], subspaces: [file])[0].projectors[0].columns
                    == [0, 1])
        }
    }

    @Test func otherFilesAreRefusedByName() throws {
        try TensorBundle(entries: []).write(safetensors: folder.file("none"))
        #expect(throws: SelectionError.self) { try SubspaceFile(path: folder.file("none")) }
        let a = try subspaces("a", [[1, 0]])
        #expect(throws: SelectionError.missing(map: "x", source: a.label)) { try a.shape(of: "x") }
    }
}
