/// A number of every item (prompt, question) that all conditions are asked, in the items' order.
///
/// Two conditions' values of one measure are pairs: item by item they answer the same.
public struct ItemValues: Sendable, Equatable, Codable {
    public var values: [Double]
    /// The group of every item (its task); the measure is the mean of the groups' means. Empty: all are one group.
    public var groups: [Int]

    public init(_ values: [Double], groups: [Int] = []) {
        precondition(groups.isEmpty || groups.count == values.count, "\(groups.count) groups of \(values.count) items")
        (self.values, self.groups) = (values, groups)
    }

    /// Items of each group, in the groups' order; one group where none are named.
    public var members: [[Int]] {
        guard !groups.isEmpty else { return values.isEmpty ? [] : [Array(values.indices)] }
        var members: [Int: [Int]] = [:]
        for (item, group) in groups.enumerated() { members[group, default: []].append(item) }
        return members.keys.sorted().map { members[$0]! }
    }

    /// Every item counts, or does not.
    public var isBinary: Bool { values.allSatisfy { $0 == 0 || $0 == 1 } }

    /// The mean of the groups' means with its standard error, groups being independent of each other.
    public var estimate: Estimate {
        let parts = members.map { items in Estimate(meanOf: items.map { values[$0] }) }
        guard parts.count != 1 else { return parts[0] }
        let n = Double(max(1, parts.count))
        return Estimate(
            value: parts.reduce(0) { $0 + $1.value } / n,
            standardError: parts.reduce(0) { $0 + $1.standardError * $1.standardError }.squareRoot() / n,
            count: values.count)
    }

    /// The values of these items alone.
    public func of(_ items: [Int]) -> ItemValues {
        ItemValues(items.map { values[$0] }, groups: groups.isEmpty ? [] : items.map { groups[$0] })
    }

    /// Item by item the mean of several.
    /// - Parameter all: of the same items; not empty.
    public static func mean(of all: [ItemValues]) -> ItemValues {
        var mean = all[0]
        guard all.count > 1 else { return mean }
        for item in mean.values.indices {
            mean.values[item] = all.reduce(0) { $0 + $1.values[item] } / Double(all.count)
        }
        return mean
    }
}

/// What one window of a text came to: its summed negative log-likelihood in nats, and the tokens that were scored.
public struct WindowLoss: Sendable, Equatable, Codable {
    public var loss: Double
    public var tokens: Int

    public init(loss: Double, tokens: Int) { (self.loss, self.tokens) = (loss, tokens) }
}
