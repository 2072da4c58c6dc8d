import Selection
import Testing

@Suite struct SetDifferenceTests {
    @Test func smallCase() throws {
        let safety = scores([("w", 5, [9, 8, 7, 1, 0, 0, 0, 0, 0, 0])])
        let utility = scores([("w", 5, [9, 0, 8, 7, 0, 0, 0, 0, 0, 0])])
        let mask = try SetDifference.mask(safety: safety, q: 30, utility: utility, p: 20, group: .matrix)
        #expect(mask["w"]?.bits.indices == [1])
        #expect(mask.metadata["q"] == "30.0")
    }

    @Test(arguments: Group.allCases) func equalsTheSetsOfItsDefinition(group: Group) throws {
        let (s, u) = (scores(someScores(seed: 5)), scores(someScores(seed: 6)))
        let mask = try SetDifference.mask(safety: s, q: 30, utility: u, p: 25, group: group)
        let top = try Selector.mask(of: s, percent: 30, name: "q", group: group)
        let spared = try Selector.mask(of: u, percent: 25, name: "p", group: group)
        for map in mask.maps {
            let name = map.shape.name
            let expected = Set(top[name]!.bits.indices).subtracting(spared[name]!.bits.indices)
            #expect(map.bits.indices == expected.sorted())
            #expect(!expected.isEmpty)
        }
    }

    @Test func refusesPercentagesByName() {
        let s = scores(someScores(seed: 5))
        #expect(throws: SelectionError.percentOutOfRange(name: "p", value: 101)) {
            try SetDifference.mask(safety: s, q: 1, utility: s, p: 101, group: .matrix)
        }
        #expect(throws: SelectionError.percentOutOfRange(name: "q", value: -1)) {
            try SetDifference.mask(safety: s, q: -1, utility: s, p: 1, group: .matrix)
        }
    }

    @Test func refusesOtherMatrices() {
        let s = scores([("a", 1, [1, 2])])
        #expect(throws: SelectionError.missing(map: "b", source: "the first mask")) {
            try SetDifference.mask(safety: s, q: 50, utility: scores([("b", 1, [1, 2])]), p: 0, group: .matrix)
        }
        #expect(throws: SelectionError.shape(map: "a", expected: [2, 1], found: [1, 2])) {
            try SetDifference.mask(safety: s, q: 50, utility: scores([("a", 2, [1, 2])]), p: 0, group: .matrix)
        }
    }
}
