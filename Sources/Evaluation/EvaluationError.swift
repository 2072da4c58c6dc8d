/// An input of an evaluation that cannot be used, in one line: what, where, and why.
public struct EvaluationError: Error, Sendable, Equatable, CustomStringConvertible {
    /// A file and perhaps its line ("tasks.jsonl:3"), or an example's name.
    public var place: String
    public var fault: String

    public init(_ place: String, _ fault: String) {
        self.place = place
        self.fault = fault
    }

    public var description: String { "\(place): \(fault)" }
}
