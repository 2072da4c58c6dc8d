public import Checkpoint
public import Linalg
public import Selection
public import Tensors
public import Transformer

/// How a stage collects one statistic: a tap that hands over what it saw.
public protocol Collector: Tap {
    associatedtype Collected: Statistic

    init(_ statistic: Collected, _ place: CollectorPlace)

    /// What the stage's result holds, as `Statistic.tensors` says it; takes it away.
    /// - Throws: what kept it from being collected.
    func take() throws -> [TensorBundle.Entry]
}

/// Where a statistic is collected.
public struct CollectorPlace {
    public let stage: Stage
    public let pool: ThreadPool
    /// The stage's layers that are wanted.
    public let layers: Range<Int>
    /// Classes of examples.
    public let classes: Int
    public var config: ModelConfig { stage.config }

    public init(stage: Stage, pool: ThreadPool, layers: Range<Int>, classes: Int = 1) {
        self.stage = stage
        self.pool = pool
        self.layers = layers
        self.classes = classes
    }
}

/// All collectors. A new one is a file beside this one, and its line here.
public enum Collectors {
    private static var all: [any Collector.Type] {
        [
            SNIP.self, Wanda.self, SecondMomentTap.self, HeadOutputs.self, ResidualStates.self,
            UnitVariances.self, LastTokenStates.self, Transitions.self,
        ]
    }

    /// - Throws: `MissingCollector`.
    public static func make(_ statistic: any Statistic, _ place: CollectorPlace) throws -> any Collector {
        for type in all {
            if let collector = type.make(for: statistic, place) { return collector }
        }
        throw MissingCollector(statistic: type(of: statistic).name)
    }
}

/// A statistic that nothing collects.
public struct MissingCollector: Error, CustomStringConvertible {
    public let statistic: String
    public var description: String {
        "statistic \(statistic) cannot be collected here: use faultline and faultline-worker of the same release"
    }
}

extension Collector {
    fileprivate static func make(for statistic: any Statistic, _ place: CollectorPlace) -> Self? {
        (statistic as? Collected).map { Self($0, place) }
    }
}
