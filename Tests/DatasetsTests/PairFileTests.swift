import Datasets
import TestSupport
import Testing

@Suite struct PairFileTests {
    let folder = TemporaryFolder()

    private func read(_ text: String, _ name: String) throws -> [[String]] {
        try DataFiles(maxSkipped: 0).pairs(folder.write(text, to: name)).map { [$0.prompt, $0.response] }
    }

    private func fault(_ text: String, _ name: String) -> String? {
        do { _ = try read(text, name) } catch { return "\(error)".replacing(folder.path + "/", with: "") }
        return nil
    }

    @Test func everyFormat() throws {
        let expected = [["p \"1\"", "r, 1"], ["i\n\nx", "o"]]
        let own = #"{"prompt": "p \"1\"", "response": "r, 1"}"#
        let alpaca = #"{"instruction": "i", "input": "x", "output": "o"}"#
        for name in ["a.jsonl", "a.JSONL", "a.json", "a.txt", "a"] {
            #expect(try read("\(own)\n\n\(alpaca)\n", name) == expected)
            #expect(try read("[\(own), \(alpaca)]", name) == expected)
            #expect(try read("\(own)\r\(alpaca)\r", name) == expected)
        }
        for name in ["a.csv", "a.CSV", "a", "a.txt"] {
            #expect(try read("prompt,response\n\"p \"\"1\"\"\",\"r, 1\"\n", name) == [expected[0]])
        }
        #expect(try read("\u{FEFF}instruction,input,output\ni,,o\n", "b.csv") == [["i", "o"]])
        #expect(try read("Prompt\tResponse\tscore\np\tr, 1\t2\n", "b.tsv") == [["p", "r, 1"]])
        #expect(try read("{\"instruction\": \"i\", \"input\": null, \"output\": \"o\"}", "c.jsonl") == [["i", "o"]])
    }

    static let refused: [(text: String, name: String, fault: String)] = [
        ("", "a.jsonl", "a.jsonl: empty file"),
        ("prompt,response\n", "a.csv", "a.csv: no pairs in this file"),
        ("{\"prompt\": \"x\", \"response\": \"y\"}\n{\"prompt\"", "a.jsonl", "a.jsonl:2: not valid JSON"),
        ("[\n{},\n]", "a.json", "a.json:3: not valid JSON"),
        (
            "[{}]", "a.json",
            "a.json: needs texts \"prompt\" and \"response\" (or \"instruction\" and \"output\"); found none"
        ),
        ("prompt,response\nx,\n", "a.csv", "a.csv:2: the response is empty (1 of 1 pairs cannot be used"),
        ("{\"prompt\": \" \", \"response\": \"y\"}", "a.jsonl", "a.jsonl:1: the prompt is empty"),
        ("{\"prompt\": \"x\", \"response\": null}", "a.jsonl", "a.jsonl:1: the response is missing or no text"),
        ("{\"prompt\": \"x\", \"response\": 3}", "a.jsonl", "a.jsonl:1: the response is missing or no text"),
        ("prompt,answer\nx,y\n", "a.csv", "a.csv:1: needs texts"),
        ("q,r\nx,y\n", "table.txt", "table.txt: text without columns: pairs are JSON lines"),
        ("one\ntwo\n", "a.txt", "a.txt: text without columns: pairs are JSON lines"),
        (
            "goal,target\nx,y\n", "a.csv",
            "a.csv:1: needs texts \"prompt\" and \"response\" (or \"instruction\" and \"output\"); found goal, target"
        ),
        (
            "{\"prompt\": \"p\", \"response\": \"r\", \"instruction\": \"i\", \"output\": \"o\"}", "a.jsonl",
            "a.jsonl:1: has both prompt and instruction"
        ),
    ]

    @Test(arguments: refused) func faultsAreOneLineWithTheirPlace(text: String, name: String, message: String) {
        let found = fault(text, name)
        #expect(found?.hasPrefix(message) == true, "\(found ?? "nothing")")
    }

    @Test func writesWhatItReads() throws {
        let pairs = [
            Pair(prompt: "a \"b\"\n", response: "é\t", place: ""), Pair(prompt: "c", response: "d", place: ""),
        ]
        try PairFile.write(pairs, to: folder.file("w.jsonl"))
        let back = try DataFiles().pairs(folder.file("w.jsonl"))
        #expect(back.map { [$0.prompt, $0.response] } == pairs.map { [$0.prompt, $0.response] })
        #expect(PairFile.digest(back) == PairFile.digest(pairs))
        #expect(PairFile.digest(back) != PairFile.digest([pairs[0]]))
    }
}
