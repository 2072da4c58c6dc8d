import Coordinator
import TestSupport
import Testing

@Suite struct PlainTextTests {
    let files = TemporaryFolder()

    @Test func textAsItIs() throws {
        files.write("a\n\n b\r\n", to: "t.txt")
        #expect(try PlainText.read(files.file("t.txt")) == "a\n\n b\r\n")
    }

    @Test func documentsAreJoinedByBlankLines() throws {
        files.write("{\"text\": \" = A = \\n\"}\n\n{\"text\": \"\"}\n{\"text\": \"b\"}\n", to: "t.jsonl")
        #expect(try PlainText.read(files.file("t.jsonl")) == " = A = \n\n\n\n\nb")
    }

    @Test func faultsNameTheLine() {
        files.write("{\"text\": \"a\"}\n{\"txt\": 3}\n", to: "t.jsonl")
        #expect(throws: InputError(files.file("t.jsonl:2"), "\"text\" has to be a text")) {
            try PlainText.read(files.file("t.jsonl"))
        }
        files.write("\n", to: "e.jsonl")
        #expect(throws: InputError(files.file("e.jsonl"), "no documents in this file")) {
            try PlainText.read(files.file("e.jsonl"))
        }
    }
}
