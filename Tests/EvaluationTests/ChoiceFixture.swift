import Foundation
import Tensors

/// Questions as lm-eval 0.4.13 tokenises and cuts them.
struct ChoiceFixture {
    struct Case {
        var context: String
        var choices: [String]
        var maximumLength: Int
        /// Of every choice: the tokens, whose last is only predicted, and how many of them are scored.
        var tokens: [[Int32]]
        var scored: [Int]
        /// The joint encoding differs from what the model is given; something was cut off.
        var merges: Bool
        var cut: Bool
    }

    var cases: [Case]
    var encodings: [String: [Int32]]

    static func load() throws -> ChoiceFixture {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/Fixtures/choices.json"
        let json = try JSON.parse([UInt8](Data(contentsOf: URL(fileURLWithPath: path))))
        func numbers(_ json: JSON?) -> [Int32] { json?.elements?.compactMap { $0.int.map(Int32.init) } ?? [] }
        var encodings: [String: [Int32]] = [:]
        for member in json["encodings"]?.members ?? [] { encodings[member.key.text] = numbers(member.value) }
        let cases = json["cases"]?.elements?.map { item in
            Case(
                context: item["context"]?.string ?? "", choices: item["choices"]?.elements?.compactMap(\.string) ?? [],
                maximumLength: item["max_length"]?.int ?? 0, tokens: item["tokens"]?.elements?.map(numbers) ?? [],
                scored: numbers(item["scored"]).map(Int.init), merges: item["merges"]?.boolean ?? false,
                cut: item["cut"]?.boolean ?? false)
        }
        return ChoiceFixture(cases: cases ?? [], encodings: encodings)
    }
}
