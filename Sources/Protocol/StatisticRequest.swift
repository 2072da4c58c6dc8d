/// A statistic that a scoring task is asked for, by the name and the options that both programs know it by.
public struct StatisticRequest: Codable, Sendable, Hashable {
    public var name: String
    public var options: [String: String]
    /// The decoder layer whose share alone is wanted; `nil`: all layers.
    public var layer: Int?
    /// Classes of examples that are told apart (`TokenSequence.group` says which one an example is of).
    public var classes: Int

    public init(name: String, options: [String: String] = [:], layer: Int? = nil, classes: Int = 1) {
        self.name = name
        self.options = options
        self.layer = layer
        self.classes = classes
    }

    /// One decoder layer's share of the statistic, the others' left out.
    public func ofLayer(_ layer: Int) -> StatisticRequest {
        StatisticRequest(name: name, options: options, layer: layer, classes: classes)
    }
}
