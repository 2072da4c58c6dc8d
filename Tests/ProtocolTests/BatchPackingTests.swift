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

    @Test func answersShareTheirTemplate() throws {
        let sequences: [TokenSequence] = [
            .init(tokens: [7, 8, 1, 2], scoredFrom: 3), .init(tokens: [7, 8, 3, 4, 5], scoredFrom: 3),
            .init(tokens: [7, 8, 1, 6], scoredFrom: 3),
        ]
        let groups = SequenceGroup.sharingPrefix(sequences, name: "a", maximumTokens: 7)
        #expect(groups.map(\.tokenCount) == [7, 4])
        #expect(groups[0].sequences.map(\.tokens) == [[7, 8], [1, 2], [3, 4, 5]])
        #expect(groups[0].sequences.map(\.scoredFrom) == [2, 1, 1])
        #expect(groups.map { $0.sequences.map(\.prefix) } == [[nil, 0, 0], [nil, 0]])
        // What is scored is not shared, and neither is a whole sequence.
        let alike = [TokenSequence](repeating: .init(tokens: [7, 8, 1], scoredFrom: 1), count: 2)
        #expect(SequenceGroup.sharingPrefix(alike, name: "a", maximumTokens: 9)[0].sequences[0].tokens == [7])
        #expect(SequenceGroup.sharingPrefix([], name: "a", maximumTokens: 9).isEmpty)
    }

    @Test func withoutACommonBeginningTheyStandAlone() throws {
        let sequences: [TokenSequence] = [
            .init(tokens: [1, 2], scoredFrom: 1), .init(tokens: [2, 2], scoredFrom: 1),
        ]
        let groups = SequenceGroup.sharingPrefix(sequences, name: "a", maximumTokens: 9)
        #expect(groups.map { $0.sequences.map(\.prefix) } == [[nil], [nil]])
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

    /// Likelihoods of what the model's context holds: the batch is a matter of speed.
    @Test func whatIsLargerThanABatchMayStandAlone() throws {
        let groups = [plain("a", 4), plain("long", 11), plain("b", 4), plain("c", 4)]
        let batches = try BatchPacking.pack(groups, maximumTokens: 10, letsLargeAlone: true)
        #expect(batches.map(\.tokenCount) == [4, 11, 8])
    }
}
