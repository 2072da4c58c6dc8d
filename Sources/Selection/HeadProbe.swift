public import Checkpoint
import Dispatch
public import Tensors

/// How well harmful and harmless prompts can be told apart by each attention head's output alone (arXiv 2402.05162,
/// probing of attention heads).
///
/// A classifier per head is trained on five sevenths of the prompts of either kind; its accuracy on the others ranks the
/// head, ties going to the lower layer and head.
public struct HeadProbe: Sendable, Equatable {
    public struct Head: Sendable, Hashable, Codable {
        public var layer: Int
        /// Query head.
        public var head: Int
        /// On prompts the classifier has not seen.
        public var accuracy: Double
        public var trainingAccuracy: Double

        public init(layer: Int, head: Int, accuracy: Double, trainingAccuracy: Double) {
            self.layer = layer
            self.head = head
            self.accuracy = accuracy
            self.trainingAccuracy = trainingAccuracy
        }
    }

    /// Which prompts train and which test: 5 : 2 of either kind, drawn by a seeded stream.
    public struct Split: Sendable, Equatable {
        public var training: [Int]
        public var test: [Int]

        /// - Parameter labels: true for a harmful prompt.
        /// - Throws: `SelectionError.tooFew` where a kind has no prompt to train or none to test on.
        public init(_ labels: [Bool], seed: UInt64) throws(SelectionError) {
            (training, test) = ([], [])
            for (kind, name) in [(true, "harmful"), (false, "harmless")] {
                let own = labels.indices.filter { labels[$0] == kind }
                let count = own.count * 5 / 7
                guard count > 0, count < own.count else {
                    throw .tooFew(what: "\(name) prompts to train and test on", wanted: 2, available: own.count)
                }
                let order = RandomStream(seed: seed, name: "probe/\(name)").sample(own.count, of: own.count)
                training += order[..<count].map { own[$0] }
                test += order[count...].map { own[$0] }
            }
            training.sort()
            test.sort()
        }
    }

    /// All heads, layer by layer.
    public let heads: [Head]
    public let split: Split

    public init(heads: [Head], split: Split) {
        self.heads = heads
        self.split = split
    }

    /// Trains a classifier for every head; no result depends on how many run at once.
    /// - Parameters:
    ///   - features: `StatisticName.headOutput` of every layer.
    ///   - labels: of the features' rows.
    ///   - c: inverse strength of the classifiers' penalty.
    /// - Throws: `SelectionError` where the file does not hold those features or one is not a number.
    public init(_ features: SafetensorsFile, config: ModelConfig, labels: [Bool], seed: UInt64, c: Double) throws {
        split = try Split(labels, seed: seed)
        var heads: [Head] = []
        for layer in 0..<config.layerCount {
            let name = StatisticName.headOutput(layer: layer)
            let columns = config.headCount * config.headDim
            guard let tensor = features.description(of: name) else {
                throw SelectionError.missing(map: name, source: features.path)
            }
            guard tensor.type == .f32, tensor.shape == [labels.count, columns] else {
                throw SelectionError.shape(map: name, expected: [labels.count, columns], found: tensor.shape)
            }
            let values: [Float] = features.withBytes(of: name) { bytes in
                (0..<labels.count * columns).map { bytes.loadUnaligned(fromByteOffset: $0 * 4, as: Float.self) }
            }!
            if let bad = values.firstIndex(where: { !$0.isFinite }) {
                throw SelectionError.notANumber(map: name, index: bad)
            }
            heads += Self.probe(values, layer: layer, config: config, labels: labels, split: split, c: c)
        }
        self.heads = heads
    }

    private static func probe(
        _ values: [Float], layer: Int, config: ModelConfig, labels: [Bool], split: Split, c: Double
    ) -> [Head] {
        let (count, dim) = (config.headCount, config.headDim)
        let isHarmful = split.training.map { labels[$0] }
        return withUnsafeTemporaryAllocation(of: Head.self, capacity: count) { heads in
            nonisolated(unsafe) let heads = heads
            DispatchQueue.concurrentPerform(iterations: count) { head in
                let columns = head * dim..<(head + 1) * dim
                let training = rows(split.training, columns, of: values, width: count * dim)
                let test = rows(split.test, columns, of: values, width: count * dim)
                let classifier = LogisticRegression(training, columns: dim, labels: isHarmful, c: c)
                heads.initializeElement(
                    at: head,
                    to: Head(
                        layer: layer, head: head, accuracy: accuracy(classifier, test, split.test.map { labels[$0] }),
                        trainingAccuracy: accuracy(classifier, training, isHarmful)))
            }
            return Array(heads)
        }
    }

    /// One head's columns of these examples, row after row.
    private static func rows(_ examples: [Int], _ columns: Range<Int>, of values: [Float], width: Int) -> [Double] {
        var rows: [Double] = []
        rows.reserveCapacity(examples.count * columns.count)
        for example in examples { for column in columns { rows.append(Double(values[example * width + column])) } }
        return rows
    }

    private static func accuracy(_ classifier: LogisticRegression, _ x: [Double], _ labels: [Bool]) -> Double {
        let dim = classifier.weights.count
        var hits = 0
        for (index, label) in labels.enumerated() {
            let isPositive = classifier.margin(x[index * dim..<(index + 1) * dim]) > 0
            hits += isPositive == label ? 1 : 0
        }
        return Double(hits) / Double(labels.count)
    }

    /// The most accurate first.
    public var ranking: [Head] {
        heads.enumerated().sorted { ($1.element.accuracy, $0.offset) < ($0.element.accuracy, $1.offset) }.map(\.element)
    }
}
