public import Protocol

/// All statistics. A new one is a file beside this one, its line here, and its collector.
public enum Statistics {
    public static let all: [any Statistic.Type] = [
        AbsoluteGradient.self, InputSquares.self, SecondMoments.self, HeadOutput.self, ResidualState.self,
        UnitVariance.self, LastTokenState.self, Transition.self,
    ]

    public static var names: [String] { all.map { $0.name } }

    /// The statistic that a request names.
    /// - Throws: `SelectionError.unknownStatistic`, `SelectionError.option`.
    public static func named(_ name: String, options: [String: String] = [:]) throws(SelectionError) -> any Statistic {
        guard let type = all.first(where: { $0.name == name }) else {
            throw .unknownStatistic(name, known: names)
        }
        for (key, value) in options.sorted(by: { $0.key < $1.key }) where !type.optionKeys.contains(key) {
            let known = type.optionKeys.isEmpty ? "it has none" : "known: \(type.optionKeys.joined(separator: ", "))"
            throw .option(statistic: name, option: key, value: value, fault: "is no option of it (\(known))")
        }
        return try type.init(options: options)
    }
}

extension StatisticRequest {
    /// - Throws: `SelectionError.unknownStatistic`, `SelectionError.option`.
    public func statistic() throws(SelectionError) -> any Statistic { try Statistics.named(name, options: options) }
}
