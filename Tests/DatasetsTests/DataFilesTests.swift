import Checkpoint
import Datasets
import Evaluation
import StudyFile
import Tensors
import TestSupport
import Testing

/// What of a file cannot be used is left out, counted and said; too much of it is refused.
@Suite struct DataFilesTests {
    let folder = TemporaryFolder()

    private func pairs(_ count: Int, empty: Set<Int>) -> String {
        (0..<count).map { "{\"prompt\": \"p\($0)\", \"response\": \"\(empty.contains($0) ? " " : "r")\"}\n" }.joined()
    }

    @Test func oneEmptyOutputAmongMany() throws {
        var said: [String] = []
        let files = DataFiles { said.append($0.replacing(folder.path + "/", with: "")) }
        let path = folder.write(pairs(200, empty: [6]), to: "p.jsonl")
        #expect(try files.pairs(path).count == 199)
        #expect(try files.pairs(path).count == 199)
        #expect(
            said == [
                "p.jsonl: JSON lines with prompt, response; 199 pairs from prompt and response (1 of 200 left out)",
                "p.jsonl: 1 of 200 pairs left out: p.jsonl:7: the response is empty",
            ])
        let json = files.notes[0].json
        #expect(json["entries"]?.int == 200)
        #expect(json["left_out"]?.int == 1)
        #expect(json["first_left_out"]?.elements?.count == 1)
    }

    /// With its version or without: it would have two columns of the same numbers.
    @Test func aJudgeThatIsNamedTwiceIsRefused() throws {
        #expect(try JudgeFile.judges(phrases: nil, names: ["rd12", "scans"], DataFiles()).own.name == "rd12-1")
        let error = #expect(throws: InputError.self) {
            try JudgeFile.judges(phrases: nil, names: ["rd12", "rd12-1"], DataFiles())
        }
        #expect(error?.fault == "is named twice")
        let unknown = #expect(throws: InputError.self) {
            try JudgeFile.judges(phrases: nil, names: ["rd13"], DataFiles())
        }
        #expect(unknown?.fault.hasPrefix("is unknown (known: faultline-1") == true)
    }

    @Test func moreThanTheShareIsRefused() throws {
        let path = folder.write(pairs(200, empty: [6, 7, 8, 199, 20]), to: "p.jsonl")
        let error = #expect(throws: InputError.self) { try DataFiles().pairs(path) }
        #expect(
            "\(error!)".replacing(folder.path + "/", with: "")
                == "p.jsonl:7: the response is empty (5 of 200 pairs cannot be used; up to 1 % are left out, see max_skipped); p.jsonl:8: the response is empty; p.jsonl:9: the response is empty; p.jsonl:21: the response is empty; …"
        )
        #expect(try DataFiles(maxSkipped: 2.5).pairs(path).count == 195)
        #expect(throws: InputError.self) {
            try DataFiles(maxSkipped: 100).pairs(folder.write(pairs(1, empty: [0]), to: "q"))
        }
    }

    @Test func promptsQuestionsAndDocuments() throws {
        let files = DataFiles(maxSkipped: 50)
        #expect(try files.prompts(folder.write("goal,id\na,1\n\"\",2\nb,3\n", to: "p.csv")) == ["a", "b"])
        folder.write(
            """
            {"context": "Q", "choices": [" a", " b"], "label": 0}
            {"context": "Q", "choices": [" a"], "label": 0}
            {"context": "Q", "choices": [" a", ""], "label": 0}
            {"context": "Q", "choices": [" a", " b"], "label": 1}

            """, to: "t.jsonl")
        let asked = try files.tasks(folder.file("t.jsonl"), limit: nil) { document in
            document.choices.contains("") ? EvaluationError(document.id, "choice 1 adds no token") : nil
        }
        #expect(asked.map(\.label) == [0, 1])
        #expect(files.notes[1].leftOut.count == 2)
        #expect(files.notes[1].leftOut[1].fault.hasSuffix("choice 1 adds no token"))
        #expect(try files.tasks(folder.file("t.jsonl"), limit: nil) { _ in nil }.count == 2)

        folder.write(
            "[{\"passage\": \"p\", \"question\": \"q\", \"label\": 1}, {\"passage\": \"p\", \"label\": 0}]",
            to: "boolq.jsonl")
        #expect(try files.zeroShot(.boolq, ZeroShotSettings(documents: folder.path)) { _ in nil }.count == 1)
        #expect(files.notes.map { [$0.entries, $0.leftOut.count] } == [[3, 1], [4, 2], [2, 1]])
        // What else is in that folder is not read, and may be written.
        var plan = ZeroShotSettings(documents: "d")
        plan.tasks = [.boolq, .rte]
        #expect(plan.files == ["d/boolq.jsonl", "d/rte.jsonl"])
    }

    /// A prompt of which the tokenizer knows nothing cannot be asked.
    @Test func promptsWithoutTokens() throws {
        let path = folder.write("ab\n\u{E000}\ncd\n", to: "p.txt")
        let files = DataFiles(maxSkipped: 50, codec: DeafCodec())
        #expect(try files.prompts(path) == ["ab", "cd"])
        #expect(files.notes[0].leftOut.map(\.fault).first?.contains("has no tokens") == true)
        #expect(files.notes[0].leftOut.map(\.place) == ["\(path):2"])
    }

    /// Nor can such a pair be scored or trained on; a beginning without tokens is no fault.
    @Test func pairsWithoutTokens() throws {
        let silent = String(repeating: "\u{E000}", count: 20)
        let path = folder.write(
            "prompt,response\na,b\na,\(silent)\n\(silent),b\na,\(silent)c\n", to: "p.csv")
        let files = DataFiles(maxSkipped: 50, codec: DeafCodec())
        #expect(try files.pairs(path).map(\.place) == ["\(path):2", "\(path):5"])
        #expect(files.notes[0].leftOut.map(\.place) == ["\(path):3", "\(path):4"])
        #expect(files.notes[0].leftOut.allSatisfy { $0.fault.contains("has no tokens") })
        #expect(throws: InputError.self) { try DataFiles(maxSkipped: 20, codec: DeafCodec()).pairs(path) }
    }

    /// A question without an id is called by its line, once.
    @Test func questionsAreNamedByTheirLine() throws {
        let path = folder.write(
            "{\"context\": \"Q\", \"choices\": [\" a\", \"\"], \"label\": 0}\n{\"id\": \"7\", \"context\": \"Q\", \"choices\": [\" a\", \"\"], \"label\": 0}\n{\"context\": \"Q\", \"choices\": [\" a\", \" b\"], \"label\": 0}\n",
            to: "t.jsonl")
        let files = DataFiles(maxSkipped: 70)
        _ = try files.tasks(path, limit: nil) { document in
            document.choices.contains("") ? EvaluationError("t \(document.id)", "choice 1 adds no token") : nil
        }
        #expect(
            files.notes[0].leftOut.map(\.description) == [
                "\(path):1: choice 1 adds no token", "\(path): t 7: choice 1 adds no token",
            ])
    }

    @Test func questionsAreObjects() {
        for (text, message) in [
            ("one\n", "text without columns: questions are JSON lines"), ("[1]", "neither a JSON object nor a text"),
            ("[\"a\"]", "not a JSON object"), ("{\"context\": 1", "not valid JSON"),
        ] {
            let path = folder.write(text, to: "t")
            let error = #expect(throws: InputError.self) { try DataFiles().tasks(path, limit: nil) { _ in nil } }
            #expect(error?.fault.hasPrefix(message) == true, "\(error?.fault ?? "")")
        }
    }

    /// Suffixes and phrases may be any text.
    @Test func plainLists() throws {
        let files = DataFiles()
        #expect(
            try files.suffixes(folder.write("{\"odd] ==\n\n a,b \n", to: "s.txt")) == ["{\"odd] ==", "a,b"])
        #expect(try files.suffixes(folder.write("[\"a\", \"b\"]", to: "s.json")) == ["a", "b"])
        #expect(
            try files.lines(folder.write("{\"phrase\": \"no\"}\n", to: "r.jsonl"), kind: "phrases", column: "phrase")
                == ["no"])
        #expect(try files.suffixes(folder.write("id,Suffix\n1,\"x, y\"\n", to: "s.csv")) == ["x, y"])
        #expect(throws: InputError.self) { try files.suffixes(folder.write("id,text\n1,x\n", to: "o.csv")) }
        #expect(throws: InputError.self) { try files.suffixes(folder.write("{\"prompt\": \"x\"}\n", to: "o.txt")) }
    }
}

/// Knows ASCII alone.
private struct DeafCodec: TextCodec {
    func prompt(_ user: String) -> [Int32] { encode(user) }
    func prompt(_ user: String, system: SystemPrompt) -> [Int32] { encode(user) }
    func opening(_ text: String) -> [Int32] { encode(text) }
    func encode(_ text: String) -> [Int32] { text.utf8.filter { $0 < 128 }.map { Int32($0) } }
    func decode(_ tokens: [Int32]) -> String { "" }
    var stopTokens: [Int32] { [] }
    var endOfAnswer: Int32? { nil }
    var description: String { "ASCII" }
    var thinking: String { "as the template has it" }
}
