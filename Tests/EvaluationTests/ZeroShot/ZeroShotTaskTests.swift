import Evaluation
import Testing

@Suite struct ZeroShotTaskTests {
    private func lines(_ count: Int) -> [UInt8] {
        (0..<count).flatMap {
            Array("{\"sentence1\": \"s\($0)\", \"sentence2\": \"t\", \"label\": 0}\n\n".utf8)
        }
    }

    /// The first of Random(42).shuffle(list(range(10))): 7, 3, 2; an id is the document's place in the file.
    @Test func theFirstAfterPythonsShuffle() throws {
        let documents = try ZeroShotTask.rte.documents(lines(10), source: "f", limit: 3)
        #expect(documents.map(\.id) == ["7", "3", "2"])
        #expect(documents[0].contexts == ["s7\nQuestion: t True or False?\nAnswer:"])
        #expect(
            try ZeroShotTask.rte.documents(lines(10), source: "f", limit: 3, seed: 43).map(\.id) != ["7", "3", "2"])
    }

    @Test func allWhereFewerThanTheLimit() throws {
        #expect(try ZeroShotTask.rte.documents(lines(250), source: "f").count == 200)
        #expect(try ZeroShotTask.rte.documents(lines(250), source: "f", limit: nil).count == 250)
        #expect(Set(try ZeroShotTask.rte.documents(lines(50), source: "f").map(\.id)).count == 50)
    }

    @Test func emptyAndBrokenFiles() {
        #expect(throws: EvaluationError("f", "no documents in this file")) {
            try ZeroShotTask.boolq.documents(Array(" \n\n".utf8), source: "f")
        }
        let error = #expect(throws: EvaluationError.self) {
            try ZeroShotTask.boolq.documents(Array("\n{\"passage\"".utf8), source: "f")
        }
        #expect(error?.place == "f:2")
    }
}
