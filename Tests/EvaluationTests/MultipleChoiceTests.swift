import Evaluation
import Protocol
import Testing

/// Tokenises by UTF-8 bytes, but merges "ab" (300) and " x" (301): boundaries move as they do in real vocabularies.
func toyTokens(_ text: String) -> [Int32] {
    let bytes = Array(text.utf8)
    var tokens: [Int32] = []
    var index = 0
    while index < bytes.count {
        let pair = index + 1 < bytes.count ? [bytes[index], bytes[index + 1]] : []
        if pair == Array("ab".utf8) {
            tokens.append(300)
        } else if pair == Array(" x".utf8) {
            tokens.append(301)
        } else {
            tokens.append(Int32(bytes[index]))
            index += 1
            continue
        }
        index += 2
    }
    return tokens
}

@Suite struct MultipleChoiceTests {
    private func document(_ context: String, _ choices: [String], label: Int = 0, task: String = "t") -> TaskDocument {
        TaskDocument(task: task, id: "1", contexts: [context], choices: choices, label: label)
    }

    private func groups(_ documents: [TaskDocument], limit: Int = 100) throws -> [SequenceGroup] {
        try MultipleChoice(documents, maximumLength: limit, encode: toyTokens).groups
    }

    /// Whole token list and first scored index of a sequence, its prefix included.
    private func flat(_ group: SequenceGroup, _ index: Int) -> (tokens: [Int32], start: Int) {
        let sequence = group.sequences[index]
        let before = sequence.prefix.map { group.sequences[$0].tokens } ?? []
        return (before + sequence.tokens, before.count + sequence.scoredFrom)
    }

    @Test func contextIsSharedAndNotScored() throws {
        let group = try groups([document("Q:", [" x", " yz"])])[0]
        #expect(group.sequences.count == 3)
        #expect(group.sequences[0].scoredFrom == group.sequences[0].tokens.count)
        #expect(flat(group, 1).tokens == toyTokens("Q: x"))
        #expect(flat(group, 1).start == 2)
        #expect(flat(group, 2).tokens == toyTokens("Q: yz"))
        #expect(group.tokenCount == 2 + 1 + 3)
    }

    @Test func trailingSpacesMoveToTheChoice() throws {
        let group = try groups([document("Q: ", ["x", "y"])])[0]
        #expect(flat(group, 1).tokens == toyTokens("Q x".replacing("Q ", with: "Q: ")))
        #expect(flat(group, 1).start == 2)
    }

    /// "a" + "b…" merge into one token: the model is given the context's own tokens, then what follows their count in the
    /// joint encoding, as the harness has it.
    @Test func mergesAcrossTheBorderKeepTheContextsOwnTokens() throws {
        let group = try groups([document("za", ["b!", "c!"])])[0]
        #expect(group.sequences.count == 3)
        #expect(flat(group, 1).tokens == [122, 97, 33])
        #expect(flat(group, 1).start == 2)
        #expect(flat(group, 2).tokens == [122, 97, 99, 33])
        #expect(flat(group, 2).start == 2)
        #expect(throws: EvaluationError("t 1", "choice 0 adds no token to its context")) {
            try groups([document("za", ["b", "c"])])
        }
    }

    /// What lm-eval 0.4.13 gives a model, and which tokens it scores, on a tokenizer whose merges cross the border
    /// (scripts/fixtures/make_choice.py).
    @Test func asTheHarnessHasIt() throws {
        let fixture = try ChoiceFixture.load()
        #expect(fixture.cases.contains { $0.merges } && fixture.cases.contains { $0.cut })
        for item in fixture.cases {
            let questions = try MultipleChoice(
                [TaskDocument(task: "t", id: "1", contexts: [item.context], choices: item.choices, label: 0)],
                maximumLength: item.maximumLength, encode: { fixture.encodings[$0] ?? [] })
            let sequences = questions.groups.flatMap { group in
                group.sequences.indices.filter { group.sequences[$0].scoredFrom < group.sequences[$0].tokens.count }
                    .map { flat(group, $0) }
            }
            #expect(sequences.map(\.tokens) == item.tokens, "\(item.context)")
            #expect(sequences.map { $0.tokens.count - $0.start } == item.scored, "\(item.context)")
        }
    }

    @Test func tooLongLosesItsStart() throws {
        let questions = try MultipleChoice(
            [document("0123456789", ["ef", "gh"])], maximumLength: 5, encode: toyTokens)
        #expect(questions.groups.map { flat($0, 0).tokens } == [toyTokens("6789ef"), toyTokens("6789gh")])
        #expect(questions.shortened == 1)
    }

    /// Every choice fits the model, all four together fit no batch: they go apart, and the question is asked.
    @Test func noBatchHasToHoldAllChoices() throws {
        let questions = try MultipleChoice(
            [document("0123456789", ["ef", "gh", "ij", "kl"], label: 2)], maximumLength: 5, batchTokens: 8,
            encode: toyTokens)
        #expect(questions.groups.count == 4)
        let batches = try BatchPacking.pack(questions.groups, maximumTokens: 8)
        #expect(batches.count == 4)
        let results = questions.results(scores(questions, [105: -0.5, 106: -0.5]))
        #expect(results == [.init(sums: [-2, -2, -1, -2], isRight: true, isRightNormalised: true)])
    }

    /// Five tokens are read, the sixth is only predicted: as long as the harness allows.
    @Test func theLastTokenOfAChoiceNeedsNoRoom() throws {
        let questions = try MultipleChoice(
            [document("0123", ["ef", "gh"]), document("01234", ["ef", "g"])], maximumLength: 5, encode: toyTokens)
        #expect(questions.shortened == 1)
        #expect(flat(questions.groups[0], 0).tokens == toyTokens("0123ef"))
        #expect(flat(questions.groups[2], 0).tokens == toyTokens("1234ef"))
    }

    /// Python's rstrip() takes U+001F for a space, Unicode does not.
    @Test func pythonsSpacesMove() throws {
        let group = try groups([document("Q:\u{1F} \u{A0}", ["y", "z"])])[0]
        #expect(flat(group, 1).start == 2)
        #expect(flat(group, 1).tokens == toyTokens("Q:\u{1F} \u{A0}y"))
    }

    @Test func choicesOfDifferentLengthsCutApart() throws {
        let groups = try groups([document("0123456789", ["e", "ghi"])], limit: 5)
        #expect(groups.map { flat($0, 0).tokens } == [toyTokens("56789e"), toyTokens("789ghi")])
    }

    @Test func badQuestionsAreNamed() {
        #expect(throws: EvaluationError("t 1", "its context is empty, so nothing predicts the choice")) {
            try groups([document(" ", ["a", "c"])])
        }
        #expect(throws: EvaluationError("t 1", "choice 1 adds no token to its context")) {
            try groups([document("Q", ["a", ""])])
        }
        #expect(throws: EvaluationError("t 1", "choice 0 alone has 8 tokens, the limit is 7")) {
            try groups([document("Q", ["12345678", "a"])], limit: 7)
        }
    }

    /// Every sequence's scored tokens get log p = −1 each, except where a table says otherwise.
    private func scores(_ questions: MultipleChoice, _ table: [Int32: Float]) -> [SequenceScore] {
        questions.groups.flatMap(\.sequences).map { sequence in
            let tokens = sequence.tokens[sequence.scoredFrom...]
            return SequenceScore(logProbabilities: tokens.map { table[$0] ?? -1 }, greedy: tokens.map { _ in false })
        }
    }

    @Test func accuracies() throws {
        // " yz" sums to −3 (3 tokens, 2 characters), " abab" to −3 (3 tokens, 4 characters): normalised, the second wins.
        let questions = try MultipleChoice(
            [
                document("Q:", [" yz", " abab"], label: 1), document("Q:", [" yz", " abab"], label: 0),
                document("R:", [" q", " x"], label: 1, task: "u"),
            ], maximumLength: 50, encode: toyTokens)
        let results = questions.results(scores(questions, [301: -0.5]))
        #expect(results[0] == .init(sums: [-3, -3], isRight: false, isRightNormalised: true))
        #expect(results[1] == .init(sums: [-3, -3], isRight: true, isRightNormalised: false))
        #expect(results[2] == .init(sums: [-2, -0.5], isRight: true, isRightNormalised: true))
        let accuracies = TaskAccuracy.all(questions, results)
        #expect(accuracies.map(\.task) == ["t", "u"])
        #expect(accuracies[0].accuracy.value == 0.5)
        #expect(accuracies[1].normalisedAccuracy.value == 1)
    }

    @Test func meanOverTasks() throws {
        let tasks = [(0.5, 0.03), (0.25, 0.04)].map { value, error in
            TaskAccuracy(
                task: "t", accuracy: Estimate(value: value, standardError: error, count: 10),
                normalisedAccuracy: Estimate(value: 0, standardError: 0, count: 10))
        }
        let mean = TaskAccuracy.mean(tasks)
        #expect(mean.value == 0.375)
        #expect(abs(mean.standardError - 0.025) < 1e-12)
        #expect(mean.count == 20)
    }

    /// A choice's own leading space counts, the one between context and choice does not.
    @Test func lengthsAreTheChoicesOwn() throws {
        let questions = try MultipleChoice(
            [document("Q:", ["  y", " zz"])], maximumLength: 50, encode: toyTokens)
        let results = questions.results(scores(questions, [:]))
        #expect(results[0].sums == [-3, -3])
        #expect(results[0].isRightNormalised)
        #expect(try MultipleChoice([document("Q:", [" y", " z"])], maximumLength: 9, encode: toyTokens).shortened == 0)
    }

    /// WinoGrande: one context a choice, the same continuation.
    @Test func contextsPerChoice() throws {
        let questions = try MultipleChoice(
            [TaskDocument(task: "w", id: "1", contexts: ["A", "B"], choices: [" z", " z"], label: 1)],
            maximumLength: 50, encode: toyTokens)
        #expect(questions.groups.flatMap(\.sequences).map(\.tokens) == [toyTokens("A z"), toyTokens("B z")])
    }
}
