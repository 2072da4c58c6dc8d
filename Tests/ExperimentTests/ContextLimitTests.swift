import Datasets
import Evaluation
import Experiment
import Protocol
import StudyFile
import StudySupport
import Tensors
import TestSupport
import Testing

/// One rule for texts beyond the model's context: refused by name before any work; questions alone lose their start.
@Suite struct ContextLimitTests {
    let files = TemporaryFolder()
    private var codec: ByteCodec {
        var codec = ByteCodec()
        codec.longest = 40
        return codec
    }

    private func evaluator(_ change: (inout Study.EvaluationSettings) -> Void, batchTokens: Int = 500) throws
        -> Evaluator
    {
        var plan = Study.EvaluationSettings()
        change(&plan)
        return try Evaluator(plan, seed: 1, batchTokens: batchTokens, maxPositions: 40, codec: codec)
    }

    @Test func pairsAreRefusedWithFileAndLine() throws {
        let pair = Pair(
            prompt: String(repeating: "p", count: 20), response: String(repeating: "r", count: 18), place: "f:3")
        #expect(try Calibration.group(pair, codec: codec).tokenCount == 40)
        #expect(
            throws: InputError("f:3", "41 tokens are more than the model's context of 40: shorten it or leave it out")
        ) { try Calibration.group(pair, codec: codec, endOfAnswer: 3) }
    }

    @Test func promptsAreRefusedWithTheirAnswers() throws {
        let own = SelfGeneratedAnswers(codec: codec, judge: .faultline, seed: 1, slots: 2, groupPrompts: 2)
        func groups(_ length: Int, _ source: String) throws -> [TaskBody.Generation] {
            try own.request(
                ["short", String(repeating: "x", count: length)], source: source, keep: .all, maxNewTokens: 10
            ).groups
        }
        #expect(try groups(28, "f").count == 1)
        let error = #expect(throws: InputError.self) {
            try groups(29, "f.txt")
        }
        #expect(error?.place == "f.txt" && error?.fault.contains("has 31 tokens, which with 10 new ones") == true)
        files.write(String(repeating: "x", count: 29) + "\n", to: "h.txt")
        let asked = #expect(throws: InputError.self) {
            try evaluator {
                $0.harmful = .init(file: files.file("h.txt"))
                $0.maxNewTokens = 10
            }
        }
        #expect(asked?.place == files.file("h.txt"))
        // A batch need not hold what the model's context does.
        _ = try evaluator(
            {
                $0.harmful = .init(file: files.file("h.txt"))
                $0.maxNewTokens = 9
            }, batchTokens: 16)
    }

    @Test func probedPromptsAreRefused() throws {
        let kind = Array(repeating: "k", count: 4)
        func batches(_ length: Int) throws -> [Batch] {
            try HeadProber(harmful: kind + [String(repeating: "x", count: length)], harmless: kind, seed: 1, c: 1)
                .batches(codec: codec, batchTokens: 16)
        }
        #expect(try batches(38).map(\.tokenCount).max() ?? 0 >= 38)
        let error = #expect(throws: InputError.self) { try batches(39) }
        #expect(error?.fault == "41 tokens are more than the model's context of 40: shorten it or leave it out")
    }

    @Test(arguments: [(41, 500, "the model's context, 40"), (30, 20, "batch_tokens, 20")])
    func aPerplexityWindowIsUsedOrRefused(window: Int, batch: Int, words: String) throws {
        files.write(String(repeating: "text ", count: 40), to: "t.txt")
        func run(_ window: Int?) throws -> Evaluator {
            try evaluator({ $0.perplexity = .init(file: files.file("t.txt"), window: window) }, batchTokens: batch)
        }
        let error = #expect(throws: InputError.self) { try run(window) }
        #expect(error?.fault == "a perplexity window of \(window) tokens is more than \(words)")
        _ = try run(min(40, batch))
        _ = try run(nil)
    }

    /// Longer than the context, with four choices that no batch holds together: it is asked, without its start.
    @Test func aLongQuestionIsAskedWhateverABatchHolds() async throws {
        let context = String(repeating: "c", count: 90)
        files.write(
            "{\"context\": \"\(context)\", \"choices\": [\" aaaa\", \" b\", \" cc\", \" d\"], \"label\": 3}\n",
            to: "q.jsonl")
        let evaluator = try evaluator({ $0.tasks = [files.file("q.jsonl")] }, batchTokens: 48)
        #expect(evaluator.warnings == ["the start of 1 question was cut off: the model reads 40 tokens"])
        let runner = FakeRunner(MatrixModel())
        let measured = try await evaluator.measure(evaluator.questions(), runner, label: "x")
        #expect(measured.questions.map(\.result.sums) == [[-5, -2, -3, -2]])
        // A batch smaller than the context cuts nothing either.
        let small = try self.evaluator({ $0.tasks = [files.file("q.jsonl")] }, batchTokens: 16)
        #expect(
            try await small.measure(small.questions(), runner, label: "x").questions.map(\.result.sums) == [
                [-5, -2, -3, -2]
            ])
    }
}
