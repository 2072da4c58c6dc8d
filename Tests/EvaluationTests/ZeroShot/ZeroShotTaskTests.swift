import Evaluation
import Tensors
import Testing

@Suite struct ZeroShotTaskTests {
    private func entries(_ count: Int) -> [(place: String, json: JSON)] {
        (0..<count).map {
            (
                "f:\($0 + 1)",
                .object([
                    .init("sentence1", .text("s\($0)")), .init("sentence2", .text("t")), .init("label", .integer(0)),
                ])
            )
        }
    }

    /// The first of Random(42).shuffle(list(range(10))): 7, 3, 2; an id is the document's place in the file.
    @Test func theFirstAfterPythonsShuffle() {
        let documents = ZeroShotTask.rte.documents(entries(10), limit: 3).documents
        #expect(documents.map(\.id) == ["7", "3", "2"])
        #expect(documents[0].contexts == ["s7\nQuestion: t True or False?\nAnswer:"])
        #expect(
            ZeroShotTask.rte.documents(entries(10), limit: 3, seed: 43).documents.map(\.id) != ["7", "3", "2"])
    }

    @Test func allWhereFewerThanTheLimit() {
        #expect(ZeroShotTask.rte.documents(entries(250)).documents.count == 200)
        #expect(ZeroShotTask.rte.documents(entries(250), limit: nil).documents.count == 250)
        #expect(Set(ZeroShotTask.rte.documents(entries(50)).documents.map(\.id)).count == 50)
    }

    /// What cannot be asked is left out and named; no other document takes its place.
    @Test func faultsAreCounted() {
        var all = entries(10)
        all[3].json = .object([.init("sentence1", .text("s3"))])
        let asked = ZeroShotTask.rte.documents(all, limit: 3)
        #expect(asked.documents.map(\.id) == ["7", "2"])
        #expect(asked.faults == [EvaluationError("f:4", "\"sentence2\" has to be a text")])
    }
}
