import Checkpoint
import Selection
import TestSupport
import Testing

@Suite struct RestrictedMaskTests {
    private let config = MatrixModel(layers: 4).config

    @Test(arguments: Group.allCases) func withoutUtilityItIsTheRankingsTop(group: Group) throws {
        let s = scores(someScores(seed: 5))
        let mask = try RestrictedMask.ranked(safety: s, q: 30, utility: s, p: 0, group: group)
        #expect(mask.maps == (try Selector.mask(of: s, percent: 30, name: "q", group: group)).maps)
    }

    /// Of every matrix as many as asked for, and exactly those of the set difference whose q has that size.
    @Test(arguments: [(10.0, 5.0), (30.0, 25.0), (60.0, 40.0), (99.0, 1.0)])
    func isTheSetDifferenceGrownToItsSize(q: Double, p: Double) throws {
        let values = someScores(seed: 5)
        let (s, u) = (scores(values), scores(someScores(seed: 6)))
        let mask = try RestrictedMask.ranked(safety: s, q: q, utility: u, p: p, group: .matrix)
        let spared = try Selector.mask(of: u, percent: p, name: "p", group: .matrix)
        for map in mask.maps {
            let size = TopK.count(percent: q, of: map.shape.count)
            #expect(map.bits.count == size)
            #expect(map.bits.intersection(spared[map.shape.name]!.bits).count == 0)
            // Grow the top of the safety ranking until what is left of it has that size.
            let row = values.first { $0.name == map.shape.name }!
            let grown = (size...map.shape.count).lazy.map { k in
                naiveTopK(row.scores, k: k, order: .largest).filter { !spared[map.shape.name]!.bits[$0] }
            }.first { $0.count == size }
            #expect(map.bits.indices == grown)
        }
    }

    @Test(arguments: [Group.row, .model]) func otherGroupsHoldTheSizeToo(group: Group) throws {
        let (s, u) = (scores(someScores(seed: 5)), scores(someScores(seed: 6)))
        let mask = try RestrictedMask.ranked(safety: s, q: 70, utility: u, p: 30, group: group)
        let spared = try Selector.mask(of: u, percent: 30, name: "p", group: group)
        #expect(try mask.intersection(spared).count == 0)
        let expected =
            group == .model
            ? TopK.count(percent: 70, of: mask.size)
            : mask.maps.reduce(0) { $0 + $1.shape.rows * TopK.count(percent: 70, of: $1.shape.columns) }
        #expect(mask.count == expected)
    }

    @Test func moreThanIsLeftIsRefused() {
        let s = scores(someScores(seed: 5))
        #expect(throws: SelectionError.percentOutOfRange(name: "q + p", value: 101)) {
            try RestrictedMask.ranked(safety: s, q: 71, utility: s, p: 30, group: .matrix)
        }
    }

    @Test(arguments: [
        (0.1, 1), (12.4, 1), (37.4, 1), (37.5, 1), (37.6, 2), (50.0, 2), (62.5, 2), (88.0, 4), (100.0, 4),
    ])
    func theNearestNumberOfLayers(percent: Double, count: Int) {
        #expect(RestrictedMask.layerCount(percent: percent, of: config) == count)
    }

    @Test func wholeLayersAreAllTheirMaps() throws {
        let mask = RestrictedMask.layers([3, 1], of: config)
        #expect(mask.maps.map(\.shape) == WeightScores.maps(of: config))
        for map in mask.maps {
            let isChosen = map.shape.name.contains(".1.") || map.shape.name.contains(".3.")
            #expect(map.bits.count == (isChosen ? map.shape.count : 0))
        }
        // Bits beyond the last stay clear, as mask files have them.
        #expect(try Mask(bundle: mask.bundle, source: "test").maps == mask.maps)
    }

    @Test func meansAreOverAllWeightsOfALayer() throws {
        let maps = WeightScores.maps(of: config)
        let s = ComputedScores(label: "s", maps: maps) { map, values in
            let layer = Float(map.name.split(separator: ".")[2])!
            for index in values.indices { values[index] = index == 0 ? layer * Float(map.count) : 0 }
        }
        // A map's share weighs as many weights as it has: the sum of sizes over the sum of sizes.
        #expect(try RestrictedMask.layerMeans(s, of: config) == [0, 1, 2, 3])
    }

    @Test func filledBitSets() {
        for size in [0, 1, 63, 64, 65, 200] {
            let bits = BitSet(size: size, filled: true)
            #expect(bits.count == size)
            #expect(bits == bits.withBytes { BitSet(size: size, bytes: $0) })
        }
    }
}
