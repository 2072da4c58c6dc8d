import Coordinator
import TestSupport
import Testing

@Suite struct PairFileTests {
    let folder = TemporaryFolder()

    private func read(_ text: String, _ name: String) throws -> [[String]] {
        try PairFile.read(folder.write(text, to: name)).map { [$0.prompt, $0.response] }
    }

    private func fault(_ text: String, _ name: String) -> String? {
        do { _ = try read(text, name) } catch { return "\(error)".replacing(folder.path + "/", with: "") }
        return nil
    }

    @Test func everyFormat() throws {
        let expected = [["p \"1\"", "r, 1"], ["i\n\nx", "o"]]
        #expect(
            try read(
                #"{"prompt": "p \"1\"", "response": "r, 1"}"# + "\n\n"
                    + #"{"instruction": "i", "input": "x", "output": "o"}"# + "\n",
                "a.jsonl") == expected)
        #expect(
            try read(
                #"[{"prompt": "p \"1\"", "response": "r, 1"}, {"instruction": "i", "input": "x", "output": "o"}]"#,
                "a.json")
                == expected)
        #expect(try read("prompt,response\n\"p \"\"1\"\"\",\"r, 1\"\n", "a.csv") == [expected[0]])
        #expect(try read("\u{FEFF}instruction,input,output\ni,,o\n", "b.csv") == [["i", "o"]])
    }

    @Test func faultsAreOneLineWithTheirPlace() {
        #expect(fault("", "a.jsonl") == "a.jsonl: empty file")
        #expect(fault("prompt,response\n", "a.csv") == "a.csv: no pairs in this file")
        #expect(
            fault("{\"prompt\": \"x\", \"response\": \"y\"}\n{\"prompt\"", "a.jsonl")?.hasPrefix(
                "a.jsonl:2: not valid JSON") == true)
        #expect(fault("[\n{},\n]", "a.json")?.hasPrefix("a.json:3: ") == true)
        #expect(
            fault("[{}]", "a.json")
                == "a.json, entry 1: needs texts \"prompt\" and \"response\" (or \"instruction\" and \"output\")")
        #expect(fault("prompt,response\nx,\n", "a.csv") == "a.csv:2: the response is empty")
        #expect(fault("{\"prompt\": \" \", \"response\": \"y\"}", "a.jsonl") == "a.jsonl:1: the prompt is empty")
        #expect(fault("prompt,answer\nx,y\n", "a.csv")?.hasPrefix("a.csv:2: needs texts") == true)
    }

    @Test func missingAndBinaryFiles() {
        #expect(throws: InputError(folder.file("none"), "cannot open: No such file or directory")) {
            try PairFile.read(folder.file("none"))
        }
    }

    @Test func writesWhatItReads() throws {
        let pairs = [
            Pair(prompt: "a \"b\"\n", response: "é\t", place: ""), Pair(prompt: "c", response: "d", place: ""),
        ]
        try PairFile.write(pairs, to: folder.file("w.jsonl"))
        let back = try PairFile.read(folder.file("w.jsonl"))
        #expect(back.map { [$0.prompt, $0.response] } == pairs.map { [$0.prompt, $0.response] })
        #expect(PairFile.digest(back) == PairFile.digest(pairs))
        #expect(PairFile.digest(back) != PairFile.digest([pairs[0]]))
    }
}
