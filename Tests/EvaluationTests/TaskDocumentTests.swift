import Evaluation
import Testing

@Suite struct TaskDocumentTests {
    private func parse(_ text: String) throws -> [TaskDocument] {
        try TaskDocument.parse(Array(text.utf8), source: "t.jsonl", defaultTask: "t")
    }

    @Test func readsLines() throws {
        let documents = try parse(
            """
            {"task": "arc", "id": "q1", "context": "Q:", "choices": [" a", " b"], "label": 1}

            {"id": 7, "context": ["x", "y"], "choices": [" z", " z"], "label": 0}

            """)
        #expect(
            documents == [
                TaskDocument(task: "arc", id: "q1", contexts: ["Q:"], choices: [" a", " b"], label: 1),
                TaskDocument(task: "t", id: "7", contexts: ["x", "y"], choices: [" z", " z"], label: 0),
            ])
    }

    @Test(arguments: [
        (
            "{\"context\": \"Q\", \"choices\": [\"a\"], \"label\": 0}",
            "\"choices\" has to be a list of at least two texts"
        ),
        (
            "{\"context\": \"Q\", \"choices\": [\"a\", 3], \"label\": 0}",
            "\"choices\" has to be a list of at least two texts"
        ),
        (
            "{\"context\": \"Q\", \"choices\": [\"a\", \"b\"], \"label\": 2}",
            "\"label\" has to be the index of a choice, 0 to 1"
        ),
        ("{\"choices\": [\"a\", \"b\"], \"label\": 1}", "\"context\" has to be a text, or one text for every choice"),
        ("[1]", "not a JSON object"),
    ])
    func faultsNameTheLine(line: String, fault: String) {
        #expect(throws: EvaluationError("t.jsonl:2", fault)) { try parse("\n" + line) }
    }

    @Test func brokenJSONNamesTheLine() {
        let error = #expect(throws: EvaluationError.self) { try parse("\n\n{\"a\"") }
        #expect(error?.place == "t.jsonl:3")
    }

    @Test func emptyFile() {
        #expect(throws: EvaluationError("t.jsonl", "no questions in this file")) { try parse("\n \n") }
    }
}
