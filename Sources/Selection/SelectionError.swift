/// What is wrong with scores, masks or the numbers that select from them, in one line.
public enum SelectionError: Error, Sendable, Equatable, CustomStringConvertible {
    /// A score is infinite or NaN at this flat, row-major index.
    case notANumber(map: String, index: Int)
    /// A weight of the model is infinite or no number.
    case weight(map: String, row: Int, column: Int, value: Float)
    case percentOutOfRange(name: String, value: Double)
    /// More entries were asked for than there are.
    case tooMany(map: String, wanted: Int, available: Int)
    /// A number of ranks that is not below the map's own.
    case rank(map: String, name: String, value: Int, limit: Int)
    /// A share of a map's ranks that is less than one of them.
    case noRank(map: String, name: String, amount: String, limit: Int)
    case tooFew(what: String, wanted: Int, available: Int)
    case shape(map: String, expected: [Int], found: [Int])
    case missing(map: String, source: String)
    /// No statistic has this name.
    case unknownStatistic(String, known: [String])
    /// An option that a statistic does not have, or a value that it does not take.
    case option(statistic: String, option: String, value: String, fault: String)
    /// No edit is of this kind.
    case unknownEdit(String, known: [String])
    /// An edit that weights alone do not hold.
    case notExported(String)
    /// A file that is not what it should be.
    case file(String, map: String? = nil, fault: String)

    public var description: String {
        switch self {
        case .notANumber(let map, let index):
            "\(map): score \(index) is not a finite number; score again with other data"
        case .weight(let map, let row, let column, let value):
            "tensor \(map): the weight at row \(row), column \(column) is \(value), no finite number: the checkpoint is damaged"
        case .percentOutOfRange(let name, let value): "\(name) = \(value) is out of range: a percentage from 0 to 100"
        case .tooMany(let map, let wanted, let available): "\(map): cannot select \(wanted) of \(available) entries"
        case .rank(let map, let name, let value, let limit):
            "\(name) = \(value) is not below the rank of \(map), \(limit): a smaller number, or a share as in 2.5%"
        case .noRank(let map, let name, let amount, let limit):
            "\(name) = \(amount) is less than one of the \(limit) ranks of \(map): ask for more"
        case .tooFew(let what, let wanted, let available): "\(available) \(what); at least \(wanted) are needed"
        case .shape(let map, let expected, let found): "\(map): shape \(found) where \(expected) was expected"
        case .missing(let map, let source): "\(source): no entry for \(map)"
        case .unknownStatistic(let name, let known):
            "statistic \(name) is unknown (known: \(known.joined(separator: ", "))): use faultline and faultline-worker of the same release"
        case .option(let statistic, let option, let value, let fault):
            "statistic \(statistic): \(option) = \(value) \(fault)"
        case .unknownEdit(let name, let known):
            "edits of kind \(name) are unknown (known: \(known.joined(separator: ", "))): use faultline and faultline-worker of the same release"
        case .notExported(let what): "a model with this edit (\(what)) cannot be written as weights"
        case .file(let file, let map, let fault): map.map { "\(file): \($0): \(fault)" } ?? "\(file): \(fault)"
        }
    }
}
