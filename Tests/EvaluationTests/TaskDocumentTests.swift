import Evaluation
import Tensors
import Testing

@Suite struct TaskDocumentTests {
    private func parse(_ text: String) throws -> TaskDocument {
        try TaskDocument(JSON.parse(Array(text.utf8)), place: "t.jsonl:2", defaultTask: "t")
    }

    @Test func readsObjects() throws {
        #expect(
            try parse(#"{"task": "arc", "id": "q1", "context": "Q:", "choices": [" a", " b"], "label": 1}"#)
                == TaskDocument(task: "arc", id: "q1", contexts: ["Q:"], choices: [" a", " b"], label: 1))
        #expect(
            try parse(#"{"id": 7, "context": ["x", "y"], "choices": [" z", " z"], "label": 0, "task": null}"#)
                == TaskDocument(task: "t", id: "7", contexts: ["x", "y"], choices: [" z", " z"], label: 0))
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
        (
            "{\"context\": [\"Q\", 3], \"choices\": [\"a\", \"b\"], \"label\": 1}",
            "\"context\" has to be a text, or one text for every choice"
        ),
        (
            "{\"context\": \"Q\", \"choices\": [\"a\", \"b\"], \"label\": 1, \"task\": 3}",
            "\"task\" has to be a text"
        ),
    ])
    func faultsNameTheLine(line: String, fault: String) {
        #expect(throws: EvaluationError("t.jsonl:2", fault)) { try parse(line) }
    }
}
