import Protocol
import Testing

@Suite struct BatchPackingTests {
    private func plain(_ name: String, _ count: Int) -> SequenceGroup {
        SequenceGroup(name: name, sequences: [.init(tokens: Array(repeating: 1, count: count), scoredFrom: 1)])
    }

    @Test func fillsInOrder() throws {
        let batches = try BatchPacking.pack(
            [plain("a", 4), plain("b", 6), plain("c", 1), plain("d", 10)], maximumTokens: 10)
        #expect(batches.map { $0.sequences.map(\.tokens.count) } == [[4, 6], [1], [10]])
    }

    @Test func prefixesStayWithTheirContinuations() throws {
        let shared = SequenceGroup(
            name: "q",
            sequences: [
                .init(tokens: [1, 2, 3], scoredFrom: 3), .init(tokens: [4], scoredFrom: 0, prefix: 0),
                .init(tokens: [5], scoredFrom: 0, prefix: 0),
            ])
        let batches = try BatchPacking.pack([plain("a", 4), shared, shared], maximumTokens: 9)
        #expect(batches.map(\.tokenCount) == [9, 5])
        #expect(batches[0].sequences.map(\.prefix) == [nil, nil, 1, 1])
        #expect(batches[1].sequences.map(\.prefix) == [nil, 0, 0])
    }

    @Test func tooLongIsNamed() {
        #expect(throws: PackingError(name: "pairs.jsonl:3", tokens: 11, limit: 10)) {
            try BatchPacking.pack([plain("x", 1), plain("pairs.jsonl:3", 11)], maximumTokens: 10)
        }
    }

    @Test func blocksArePackedApart() throws {
        let blocks = try BatchPacking.blocks((0..<5).map { plain("\($0)", 4) }, examples: 2, maximumTokens: 100)
        #expect(blocks.map { $0.map(\.tokenCount) } == [[8], [8], [4]])
    }

    @Test func nothingIsNothing() throws {
        #expect(try BatchPacking.pack([]).isEmpty)
        #expect(try BatchPacking.blocks([], examples: 3).isEmpty)
    }
}
