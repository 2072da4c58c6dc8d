import Selection
import Testing

/// Sorts everything: what the selection has to equal.
func naiveTopK(_ scores: [Float], k: Int, order: Order) -> [Int] {
    let indices = scores.indices.sorted { a, b in
        if scores[a] != scores[b] { return order == .largest ? scores[a] > scores[b] : scores[a] < scores[b] }
        return a < b
    }
    return indices.prefix(k).sorted()
}

extension BitSet {
    var indices: [Int] { (0..<size).filter { self[$0] } }
}

func select(_ scores: [Float], k: Int, order: Order = .largest) throws -> [Int] {
    try scores.withUnsafeBufferPointer { try TopK.select($0, k: k, order: order, map: "w").indices }
}

@Suite struct TopKTests {
    @Test func smallCase() throws {
        #expect(try select([1, 5, 3, 5, -2], k: 2) == [1, 3])
        #expect(try select([1, 5, 3, 5, -2], k: 2, order: .smallest) == [0, 4])
        #expect(try select([1, 5], k: 0) == [])
        #expect(try select([1, 5], k: 2) == [0, 1])
    }

    @Test func tiesGoToTheLowerIndex() throws {
        #expect(try select([2, 2, 2, 2], k: 2) == [0, 1])
        #expect(try select([0, -0.0, 0, -0.0], k: 3) == [0, 1, 2])
        #expect(try select([-0.0, 0, 1], k: 2, order: .smallest) == [0, 1])
    }

    @Test func infinitiesRank() throws {
        #expect(try select([.infinity, 1, -.infinity, .greatestFiniteMagnitude], k: 2) == [0, 3])
        #expect(try select([.infinity, 1, -.infinity, .leastNonzeroMagnitude], k: 2, order: .smallest) == [2, 3])
    }

    @Test(arguments: [0, 1, 2]) func nanIsRefusedByName(k: Int) {
        #expect(throws: SelectionError.notANumber(map: "w", index: 1)) { try select([1, .nan, 3], k: k) }
        #expect(throws: SelectionError.notANumber(map: "w", index: 2)) {
            try select([1, 2, -.nan], k: k, order: .smallest)
        }
    }

    @Test func tooManyIsRefused() {
        #expect(throws: SelectionError.tooMany(map: "w", wanted: 3, available: 2)) { try select([1, 2], k: 3) }
    }

    /// Small buffers take the 8-bit passes, large ones the 16-bit passes; both have to agree with sorting.
    @Test(arguments: [7, 1000, 40_000], [Order.largest, .smallest])
    func equalsSorting(count: Int, order: Order) throws {
        let stream = RandomStream(seed: 7, name: "top-k")
        // Few different values, both signs: many ties.
        let coarse = (0..<count).map { Float(stream.integer($0, below: 50) - 25) / 8 }
        let fine = (0..<count).map { (stream.float($0) - 0.5) * 1e-3 }
        for scores in [coarse, fine] {
            for k in [1, count / 100, count / 3, count - 1, count] {
                #expect(try select(scores, k: k, order: order) == naiveTopK(scores, k: k, order: order))
            }
        }
    }

    @Test func rowsAreSelectedApart() throws {
        let scores: [Float] = [1, 2, 3, 9, 8, 7, 5, 5, 5]
        let bits = try scores.withUnsafeBufferPointer {
            try TopK.selectRows($0, columns: 3, k: 1, order: .largest, map: "w")
        }
        #expect(bits.indices == [2, 3, 6])
    }

    @Test func percentagesCountAsDecimals() throws {
        #expect(TopK.count(percent: 0.29, of: 10_000) == 29)
        #expect(TopK.count(percent: 1, of: 199) == 1)
        #expect(TopK.count(percent: 0, of: 10) == 0)
        #expect(TopK.count(percent: 100, of: 7) == 7)
        for tenths in 0...1000 {
            #expect(TopK.count(percent: Double(tenths) / 10, of: 13_000) == tenths * 13)
        }
    }

    @Test(arguments: [-0.1, 100.5, .nan, .infinity]) func percentagesOutOfRange(value: Double) {
        let error = #expect(throws: SelectionError.self) { try TopK.check(percent: value, name: "q") }
        #expect(error?.description == "q = \(value) is out of range: a percentage from 0 to 100")
    }
}
