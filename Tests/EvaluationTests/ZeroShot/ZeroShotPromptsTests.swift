import Evaluation
import Tensors
import Testing

@Suite struct ZeroShotPromptsTests {
    private func document(_ task: ZeroShotTask, _ line: String) throws -> TaskDocument {
        let asked = task.documents([("f.jsonl:2", try JSON.parse(Array(line.utf8)))])
        if let fault = asked.faults.first { throw fault }
        return asked.documents[0]
    }

    @Test(arguments: ZeroShotTask.allCases)
    func promptsChoicesAndLabelsAreTheHarnesss(_ task: ZeroShotTask) throws {
        let cases = ZeroShotFixture.list("documents").filter { $0["task"]!.string! == task.rawValue }
        #expect(cases.count >= 2)
        for entry in cases {
            let made = try document(task, entry["document"]!.string!)
            let contexts = entry["contexts"]!.elements!.map { $0.string! }
            #expect(made.task == task.rawValue)
            #expect((made.contexts.count == 1 ? contexts.map { _ in made.contexts[0] } : made.contexts) == contexts)
            #expect(made.choices.map { Array($0.utf8) } == entry["choices"]!.elements!.map { Array($0.string!.utf8) })
            #expect(made.label == entry["label"]!.int!)
        }
    }

    @Test func truthValuesAndTextsAreLabelsToo() throws {
        let line = #"{"passage": "p", "question": "q", "label": true}"#
        #expect(try document(.boolq, line).label == 1)
        #expect(try document(.boolq, line.replacing("true", with: "\"0\"")).label == 0)
    }

    @Test(arguments: [
        (ZeroShotTask.boolq, #"{"passage": "p", "label": 1}"#, #""question" has to be a text"#),
        (.rte, #"{"sentence1": "a", "sentence2": "b", "label": 2}"#, #""label" has to be 0 to 1"#),
        (
            .hellaswag, #"{"activity_label": "a", "ctx_a": "b", "ctx_b": "c", "endings": ["x"], "label": 0}"#,
            #""endings" has to be a list of at least two texts"#
        ),
        (
            .winogrande, #"{"sentence": "no blank", "option1": "a", "option2": "b", "answer": "1"}"#,
            #""sentence" has no _ to fill in"#
        ),
        (
            .winogrande, #"{"sentence": "a _", "option1": "a", "option2": "b", "answer": "3"}"#,
            #""answer" has to be "1" or "2""#
        ),
        (
            .arcChallenge,
            #"{"question": "q", "choices": {"text": ["a", "b"], "label": ["A", "B"]}, "answerKey": "C"}"#,
            #""choices.label" has to name every choice, "answerKey" one of them"#
        ),
        (
            .openbookqa, #"{"question_stem": "q", "choices": 3}"#,
            #""choices.text" has to be a list of at least two texts"#
        ),
    ])
    func faultsNameLineAndField(task: ZeroShotTask, line: String, fault: String) {
        #expect(throws: EvaluationError("f.jsonl:2", fault)) { try document(task, line) }
    }
}
