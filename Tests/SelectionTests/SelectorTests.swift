import Selection
import Testing

/// Scores given outright.
func scores(_ values: [(name: String, columns: Int, scores: [Float])]) -> ComputedScores {
    let maps = values.map { WeightShape(name: $0.name, rows: $0.scores.count / $0.columns, columns: $0.columns) }
    let byName = Dictionary(uniqueKeysWithValues: values.map { ($0.name, $0.scores) })
    return ComputedScores(label: "test", maps: maps) { map, out in _ = out.update(from: byName[map.name]!) }
}

/// Seeded scores of a few matrices, coarse enough for ties.
func someScores(seed: UInt64, shapes: [(Int, Int)] = [(6, 10), (3, 17), (40, 30)]) -> [(
    name: String, columns: Int, scores: [Float]
)] {
    shapes.enumerated().map { number, shape in
        let stream = RandomStream(seed: seed, name: "scores \(number)")
        return ("w\(number)", shape.1, (0..<shape.0 * shape.1).map { Float(stream.integer($0, below: 300)) })
    }
}

@Suite struct SelectorTests {
    @Test func matrixGroup() throws {
        let values = someScores(seed: 1)
        let mask = try Selector.mask(of: scores(values), percent: 10, name: "q", group: .matrix)
        for (map, value) in zip(mask.maps, values) {
            #expect(map.bits.indices == naiveTopK(value.scores, k: value.scores.count / 10, order: .largest))
        }
    }

    @Test func rowGroup() throws {
        let values = someScores(seed: 2)
        let mask = try Selector.mask(of: scores(values), percent: 20, name: "q", group: .row, order: .smallest)
        for (map, value) in zip(mask.maps, values) {
            var expected: [Int] = []
            for start in stride(from: 0, to: value.scores.count, by: value.columns) {
                let row = Array(value.scores[start..<start + value.columns])
                expected += naiveTopK(row, k: value.columns / 5, order: .smallest).map { $0 + start }
            }
            #expect(map.bits.indices == expected)
        }
    }

    @Test(arguments: [0.0, 1, 33, 100], [Order.largest, .smallest])
    func modelGroup(percent: Double, order: Order) throws {
        let values = someScores(seed: 3)
        let all = values.flatMap(\.scores)
        let mask = try Selector.mask(of: scores(values), percent: percent, name: "q", group: .model, order: order)
        let expected = naiveTopK(all, k: Int(percent * Double(all.count) / 100), order: order)
        var found: [Int] = []
        var start = 0
        for map in mask.maps {
            found += map.bits.indices.map { $0 + start }
            start += map.shape.count
        }
        #expect(found == expected)
    }

    @Test func modelGroupNamesTheMapOfANaN() {
        let values: [(name: String, columns: Int, scores: [Float])] = [("a", 2, [1, 2]), ("b", 2, [1, .nan])]
        #expect(throws: SelectionError.notANumber(map: "b", index: 1)) {
            try Selector.mask(of: scores(values), percent: 50, name: "q", group: .model)
        }
    }

    @Test func sameSizePerMatrix() throws {
        let values = someScores(seed: 4)
        var like = try Selector.mask(of: scores(values), percent: 7, name: "q", group: .model)
        let random = try Selector.mask(of: WeightScores.random(maps: like.maps.map(\.shape), seed: 1), sizedLike: like)
        #expect(random.maps.map { $0.bits.count } == like.maps.map { $0.bits.count })
        #expect(random != like)
        let bottom = try Selector.mask(of: scores(values), sizedLike: like, order: .smallest)
        for (map, value) in zip(bottom.maps, values) {
            #expect(map.bits.indices == naiveTopK(value.scores, k: map.bits.count, order: .smallest))
        }
        like.maps.append(.init(shape: WeightShape(name: "other", rows: 1, columns: 1), bits: BitSet(size: 1)))
        #expect(throws: SelectionError.missing(map: "other", source: "test")) {
            try Selector.mask(of: scores(values), sizedLike: like)
        }
    }
}
