package import Tensors

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
    ///   - entries: objects with the data set's own fields, in its own order, and where each stands.
    ///   - limit: `nil`: all.
    /// - Returns: what is asked, and what is wrong with those among the first `limit` that cannot be: nothing takes their
    ///   place.
    package func documents(
        _ entries: [(place: String, json: JSON)], limit: Int? = standardLimit, seed: UInt64 = standardSeed
    ) -> (documents: [TaskDocument], faults: [EvaluationError]) {
        var order = Array(entries.indices)
        var random = PythonRandom(seed: seed)
        random.shuffle(&order)
        var documents: [TaskDocument] = []
        var faults: [EvaluationError] = []
        for index in order.prefix(limit ?? order.count) {
            let fields = DocumentFields(place: entries[index].place, entries[index].json)
            do throws(EvaluationError) { documents.append(try document(fields, id: "\(index)")) } catch {
                faults.append(error)
            }
        }
        return (documents, faults)
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
