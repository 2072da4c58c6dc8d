import Datasets
import Tensors
import TestSupport
import Testing

@Suite struct PlainTextTests {
    let files = TemporaryFolder()

    private func read(_ text: String, _ name: String) throws -> String {
        try DataFiles().text(files.write(text, to: name))
    }

    @Test func textAsItIs() throws {
        #expect(try read("a\n\n b\r\n", "t.txt") == "a\n\n b\r\n")
        #expect(try read("goal,target\n{x}\n", "t") == "goal,target\n{x}\n")
    }

    @Test func documentsAreJoinedByBlankLines() throws {
        let lines = "{\"text\": \" = A = \\n\"}\n\n{\"text\": \"\"}\n{\"text\": \"b\"}\n"
        for name in ["t.jsonl", "t.JSONL", "t.json", "t", "t.txt"] {
            #expect(try read(lines, name) == " = A = \n\n\n\n\nb")
        }
        #expect(try read("[\"a\", {\"text\": \"b\"}]", "t.json") == "a\n\nb")
        #expect(try read("id,text\n1,\"a\nb\"\n2,c\n", "t.csv") == "a\nb\n\nc")
    }

    @Test func faultsNameTheLine() {
        #expect(throws: InputError(files.file("t.jsonl:2"), "\"text\" has to be a text")) {
            try read("{\"text\": \"a\"}\n{\"txt\": 3}\n", "t.jsonl")
        }
        #expect(throws: InputError(files.file("e.jsonl"), "no documents in this file")) { try read("\n", "e.jsonl") }
        #expect(throws: InputError(files.file("e.txt"), "empty file")) { try read(" \n", "e.txt") }
        #expect(throws: InputError.self) { try read("id,body\n1,x\n", "t.csv") }
    }
}
