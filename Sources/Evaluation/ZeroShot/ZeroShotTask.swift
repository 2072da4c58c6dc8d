import Tensors

/// The six tasks of the paper's zero-shot accuracy, as EleutherAI's harness defined them (version 0; BoolQ 1).
public enum ZeroShotTask: String, Sendable, Codable, CaseIterable {
    case boolq, rte, hellaswag, winogrande
    case arcChallenge = "arc_challenge"
    case openbookqa

    /// What the paper asks of every task.
    public static let standardLimit = 200
    public static let standardSeed: UInt64 = 42

    /// The documents that are asked: all of them shuffled as Python's `random.Random(seed).shuffle` does, then the first
    /// `limit`.
    /// - Parameters:
    ///   - lines: JSON lines with the data set's own fields, in its own order.
    ///   - source: names the file in errors.
    ///   - limit: `nil`: all.
    /// - Throws: `EvaluationError` with file, line and fault.
    public func documents(
        _ lines: [UInt8], source: String, limit: Int? = standardLimit, seed: UInt64 = standardSeed
    ) throws(EvaluationError) -> [TaskDocument] {
        var all: [(number: Int, line: ArraySlice<UInt8>)] = []
        for (number, line) in lines.split(separator: 10, omittingEmptySubsequences: false).enumerated()
        where line.contains(where: { $0 > 32 }) { all.append((number + 1, line)) }
        guard !all.isEmpty else { throw EvaluationError(source, "no documents in this file") }
        var order = Array(all.indices)
        var random = PythonRandom(seed: seed)
        random.shuffle(&order)
        var documents: [TaskDocument] = []
        for index in order.prefix(limit ?? order.count) {
            let fields = DocumentFields(place: "\(source):\(all[index].number)", try Self.json(all[index], source))
            documents.append(try document(fields, id: "\(index)"))
        }
        return documents
    }

    private static func json(
        _ entry: (number: Int, line: ArraySlice<UInt8>), _ source: String
    ) throws(EvaluationError) -> JSON {
        do throws(JSONError) { return try JSON.parse(Array(entry.line)) } catch {
            throw EvaluationError("\(source):\(entry.number)", "\(error)")
        }
    }
}

/// A document's fields, read with faults that name its line.
struct DocumentFields {
    let place: String
    private let json: JSON

    init(place: String, _ json: JSON) {
        self.place = place
        self.json = json
    }

    func text(_ key: String) throws(EvaluationError) -> String {
        guard let text = json[key]?.string else { throw EvaluationError(place, "\"\(key)\" has to be a text") }
        return text
    }

    func texts(_ key: String, in parent: String? = nil) throws(EvaluationError) -> [String] {
        let value = parent.map { json[$0]?[key] } ?? json[key]
        guard let texts = value?.elements?.map(\.string), texts.count >= 2, !texts.contains(nil) else {
            let name = parent.map { "\($0).\(key)" } ?? key
            throw EvaluationError(place, "\"\(name)\" has to be a list of at least two texts")
        }
        return texts.compactMap { $0 }
    }

    /// An index below `count`; the data sets write it as a number, a text, or a truth value.
    func label(_ key: String, below count: Int) throws(EvaluationError) -> Int {
        let value = json[key]
        let label = value?.int ?? value?.string.flatMap { Int($0) } ?? value?.boolean.map { $0 ? 1 : 0 }
        guard let label, (0..<count).contains(label) else {
            throw EvaluationError(place, "\"\(key)\" has to be 0 to \(count - 1)")
        }
        return label
    }
}
