import Selection
import TestSupport
import Testing

/// The first range of a curve of gaps, and the two sweeps, by hand and by the published counts.
@Suite struct LayerRangeSearchTests {
    typealias Trial = LayerRangeSearch.Trial

    @Test(
        arguments: [
            // Appears at 4 ≥ 1.6, rises by 5, 5, then 1 < 2.5.
            ([0, 0, 1, 4, 9, 14, 15, 15.5, 16], 3..<6),
            // A gap from the first block on that never rises again.
            ([5, 5, 5], 0..<1), ([5, 4, 6], 0..<1),
            // It rises to the end; it has one block.
            ([0, 1, 2, 3], 1..<4), ([2], 0..<1),
            // No gap is above 0.
            ([0, 0], nil), ([-3, -1], nil), ([], nil),
            // The steepest rise of all so far counts, not the last one: 8, 4, then 3 < 4.
            ([0, 8, 12, 15, 16], 1..<3),
        ] as [([Double], Range<Int>?)])
    func theFirstRangeGoesToWhereTheRiseSmooths(_ gaps: [Double], _ range: Range<Int>?) {
        #expect(GapRule().range(of: gaps) == range)
    }

    @Test func bothSharesOfTheRuleCount() {
        let gaps = [0, 1, 4, 9, 12, 13.5, 14]
        var rule = GapRule()
        rule.appears = 0.5
        #expect(rule.range(of: gaps) == 3..<5)
        rule.smooths = 0.1
        #expect(rule.range(of: gaps) == 3..<7)
        rule.smooths = 1
        #expect(rule.range(of: gaps) == 3..<4)
    }

    /// Llama-2-7b-chat: first [9, 14], then [6, 14] (arXiv 2408.17003; counts of those ranges that are published).
    @Test func thePublishedCountsGiveThePublishedRange() {
        let search = LayerRangeSearch(from: 9..<15, layerCount: 32, reach: 5, aim: .most)
        let ends = [12: 187, 13: 222, 14: 237, 15: 213, 16: 219]
        #expect(search.lastSweep == (9...19).map { 9..<$0 + 1 })
        let last = search.choice(of: search.lastSweep.map { Trial(.last, $0, rejected: ends[$0.upperBound - 1]) })
        #expect(last == 9..<15)
        let starts = [9: 237, 8: 263, 7: 268, 6: 287, 5: 189, 4: 202]
        let sweep = search.firstSweep(to: 14)
        #expect(sweep == (4...14).map { $0..<15 })
        #expect(search.choice(of: sweep.map { Trial(.first, $0, rejected: starts[$0.lowerBound]) }) == 6..<15)
    }

    @Test func sweepsStayInTheModel() {
        let search = LayerRangeSearch(from: 1..<3, layerCount: 4, reach: 9, aim: .most)
        #expect(search.lastSweep == [1..<2, 1..<3, 1..<4])
        #expect(search.firstSweep(to: 1) == [0..<2, 1..<2])
        #expect(search.firstSweep(to: 3) == [0..<4, 1..<4, 2..<4, 3..<4])
        let still = LayerRangeSearch(from: 1..<3, layerCount: 4, reach: 0, aim: .most)
        #expect(still.lastSweep == [1..<3] && still.firstSweep(to: 2) == [1..<3])
    }

    /// Against a sort of all trials, for every aim.
    @Test func ofEqualCountsTheShortestRangeIsTaken() {
        let random = RandomStream(seed: 1, name: "trials")
        for round in 0..<50 {
            let all = (0..<8).map { end in
                let draw = random.integer(8 * round + end, below: 5)
                return Trial(.last, 2..<3 + end, rejected: draw == 4 ? nil : draw)
            }
            let trials = round % 2 == 0 ? all : all.reversed()
            for aim in LayerRangeSearch.Aim.allCases {
                let search = LayerRangeSearch(from: 2..<5, layerCount: 12, reach: 3, aim: aim)
                let counted = trials.filter { $0.rejected != nil }
                let counts = counted.map { $0.rejected! }
                let best = aim == .most ? counts.max() : counts.min()
                let shortest = counted.filter { $0.rejected == best }.map(\.layers).min { $0.count < $1.count }
                #expect(search.choice(of: trials) == shortest)
            }
        }
    }
}
