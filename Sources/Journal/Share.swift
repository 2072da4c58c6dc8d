import GRDB
import Tensors

/// A row of the journal: what one stage has to do with one task.
struct Share {
    var stage: Int
    /// How many rows the task has.
    var count: Int
    var layers: Range<Int>
    var digest: String
    var isFile: Bool

    /// Binds the row to the task it was recorded for: one that is read in another's place, or without the others, is none.
    func seal(_ key: String) -> String {
        let words = "\(key)\n\(stage) of \(count) \(layers.lowerBound) \(layers.upperBound) \(isFile)\n\(digest)"
        return Digest.sha256(Array(words.utf8))
    }
}

extension Row {
    /// A column's value; `nil` where it is NULL or of another type, as a damaged page may have it.
    func value<Value: DatabaseValueConvertible>(_ name: String) -> Value? {
        (self[name] as DatabaseValue?).flatMap { Value.fromDatabaseValue($0) }
    }
}
