import Datasets
import Foundation
import Tensors
import Testing

@Suite struct CSVTests {
    private func parse(_ text: String) throws -> [CSV.Record] { try CSV.parse(Array(text.utf8), source: "f.csv") }

    @Test func quotedFieldsHoldCommasQuotesAndBreaks() throws {
        let records = try parse("a,b\r\n\"x, y\",\"say \"\"hi\"\"\"\n\"two\nlines\",\n\nlast,\"\"")
        #expect(records.map(\.fields) == [["a", "b"], ["x, y", "say \"hi\""], ["two\nlines", ""], ["last", ""]])
        #expect(records.map(\.line) == [1, 2, 3, 6])
    }

    @Test func faultsNameTheLine() {
        #expect(throws: InputError("f.csv:2", "this quoted field never ends")) { try parse("a\n\"open\n\n") }
        #expect(throws: InputError("f.csv:2", "text after a closing quote; quotes inside a field are doubled")) {
            try parse("a\n\"x\"y\n")
        }
        #expect(throws: InputError("f.csv:3", "1 field where the header has 2")) {
            try CSV.table(Array("a,b\n1,2\n3\n".utf8), source: "f.csv")
        }
    }

    @Test func aHeaderHasEveryNameOnce() {
        #expect(throws: InputError("f.csv:1", "two columns are called a")) {
            try CSV.table(Array("a,b,a\n1,2,3\n".utf8), source: "f.csv")
        }
    }

    /// What Python's csv makes of 400 texts, or that it refuses them (scripts/fixtures/make_csv.py).
    @Test func readsWhatPythonReads() throws {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
            "Fixtures/csv.json")
        let cases = try JSON.parse(Array(Data(contentsOf: path))).elements!
        #expect(cases.count == 400)
        for entry in cases {
            let text = entry["text"]!.string!
            let records = try? CSV.parse(
                Array(text.utf8), source: "f", separator: entry["separator"]!.string!.unicodeScalars.first!)
            let expected = entry["records"]!.elements?.map { $0.elements!.map { $0.string! } }
            #expect(records?.map(\.fields) == expected, "\(text.debugDescription)")
        }
    }
}
