import Selection
import Testing

@Suite struct RankRecipeTests {
    private let map = WeightShape(name: "model.layers.0.self_attn.k_proj.weight", rows: 8, columns: 20)

    private func projectors(_ recipe: RankRecipe, shown: [Int]) throws -> [String] {
        try recipe.projectors(map, shown: shown).map { projector in
            let columns = projector.columns.isEmpty ? "" : "\(projector.columns.first!)...\(projector.columns.last!)"
            return "\(projector.isComplement ? "not " : "")\(projector.source):\(columns)"
        }
    }

    @Test func amounts() throws {
        #expect(RankAmount("100") == .count(100))
        #expect(RankAmount("2.5%") == .percent(2.5))
        for text in ["", "-1", "100%", "120%", "-1%", "2.5", "x", "nan%", "inf"] { #expect(RankAmount(text) == nil) }
        #expect(try RankAmount.percent(60).count(in: map, name: "r") == 4)
        #expect(try RankAmount.count(7).count(in: map, name: "r") == 7)
        #expect(throws: SelectionError.rank(map: map.name, name: "r_u", value: 8, limit: 8)) {
            try RankAmount.count(8).count(in: map, name: "r_u")
        }
        #expect(
            "\(SelectionError.rank(map: "m", name: "r_u", value: 8, limit: 8))"
                == "r_u = 8 is not below the rank of m, 8: a smaller number, or a share as in 2.5%")
    }

    @Test func actSVD() throws {
        #expect(try projectors(.removeTop(.count(3)), shown: [8]) == ["0:0...2"])
        #expect(try projectors(.removeTop(.count(3)), shown: [2]) == ["0:0...1"])
        // What is removed is the rest, which has its own directions where the data shows all.
        #expect(try projectors(.keepTop(.count(3)), shown: [8]) == ["0:3...7"])
        #expect(try projectors(.keepTop(.count(3)), shown: [5]) == ["not 0:0...2"])
        #expect(try projectors(.removeBottom(.count(3)), shown: [8]) == ["0:5...7"])
        #expect(try projectors(.removeBottom(.count(3)), shown: [4]) == ["not 0:0...3"])
        #expect(try projectors(.removeBottom(.count(0)), shown: [4]) == ["0:"])
    }

    /// One projector at least is on directions, on as few as can be; both forms of it mean the same.
    @Test func orthogonalProjection() throws {
        func of(_ u: Int, _ s: Int, _ shown: [Int] = [8, 8]) throws -> [String] {
            try projectors(.orthogonalProjection(utility: .count(u), safety: .count(s)), shown: shown)
        }
        #expect(try of(1, 6) == ["0:0...1", "1:7...7"])
        #expect(try of(2, 1) == ["not 0:7...7", "1:6...7"])
        #expect(try of(6, 6) == ["0:0...1", "not 1:0...1"])
        #expect(try of(0, 6) == ["0:0...1", "1:"])
        // Fewer tokens than ranks: capped, and complements of what is shown.
        #expect(try of(2, 2, [3, 4]) == ["0:0...2", "not 1:0...3"])
        #expect(try of(2, 2, [3, 8]) == ["0:0...2", "1:6...7"])
        #expect(try of(2, 2, [8, 3]) == ["0:0...5", "not 1:0...2"])
    }

    @Test func randomRanksAreAsManyAndDependOnTheSeed() throws {
        func columns(_ seed: UInt64) throws -> [Int] {
            try RankRecipe.randomRanks(counts: [map.name: 4], seed: seed).projectors(map, shown: [8])[0].columns
        }
        #expect(try columns(1) == columns(1))
        #expect(Set(try columns(1)).count == 4)
        #expect(try (1...5).map { try columns($0) }.contains { try $0 != columns(6) })
        #expect(try RankRecipe.randomRanks(counts: [:], seed: 1).projectors(map, shown: [8])[0].columns == [])
    }
}
