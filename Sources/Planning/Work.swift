import Checkpoint
package import Protocol
package import Selection

/// What a study will compute, step by step, counted before anything runs.
package struct Work: Sendable {
    package enum Kind: Sendable {
        /// Log-likelihoods, head outputs.
        case forward
        case answers
        case scores
        case subspaces
        /// Changes of few ranks.
        case factors
        case training
        /// Fine-tuning of matrices beside the linear maps, whose own weights get no gradients.
        case lowRankTraining
        /// Statistics that take more memory than a forward pass, of a model that is not the unedited one.
        case collecting
        /// The workers make all weights anew, out of draws or other checkpoints.
        case rewriting
        /// What the coordinator does alone: selecting weights.
        case selection
        case export
    }

    /// What one pipeline does without another's help.
    package struct Task: Sendable, Equatable {
        package var tokens = 0
        /// Positions at which the head is evaluated.
        package var scored = 0
        /// Tokens decoded one after the other, and sequences decoded at once.
        package var steps = 0
        package var rows = 0

        package init(tokens: Int = 0, scored: Int = 0, steps: Int = 0, rows: Int = 0) {
            (self.tokens, self.scored, self.steps, self.rows) = (tokens, scored, steps, rows)
        }
    }

    package struct Step: Sendable {
        /// What is done, as in `answers`.
        package var work: String
        /// The condition it is done for; `nil`: for several, or all.
        package var condition: String?
        package var kind: Kind
        package var tasks: [Task]
        /// Results of every task, in bytes that travel and are written.
        package var bytes = 0
        /// What the stages collect of every block meanwhile, where that is asked for itself.
        package var collected: Collected?
        /// Nothing is left to compute: the cache has it, or a step before it makes it.
        package var isKnown = false

        package init(
            _ work: String, of condition: String? = nil, _ kind: Kind, _ tasks: [Task], bytes: Int = 0,
            isKnown: Bool = false
        ) {
            (self.work, self.condition, self.kind) = (work, condition, kind)
            (self.tasks, self.bytes, self.isKnown) = (tasks, bytes, isKnown)
        }

        /// Condition and work.
        package var label: String { condition.map { "\($0): \(work)" } ?? work }

        package var tokens: Int { tasks.reduce(0) { $0 + $1.tokens + $1.steps * $1.rows } }
    }

    /// A statistic over a step's blocks.
    package struct Collected: Sendable {
        package var statistic: any Statistic
        package var classes: Int
        /// Examples of every block.
        private let examples: [Int]

        /// - Parameter blocks: the step's, each a list of batches.
        package init(_ statistic: any Statistic, blocks: [[Batch]], classes: Int = 1) {
            self.statistic = statistic
            self.classes = classes
            examples = blocks.map { block in block.reduce(0) { $0 + $1.exampleCount } }
        }

        private func byteCount(_ config: ModelConfig, _ layers: Range<Int>, examples: Int) -> Int {
            statistic.byteCount(config, StatisticExtent(layers: layers, examples: examples, classes: classes))
        }

        /// Bytes of the largest block's tensors on a stage with these layers.
        func byteCount(_ config: ModelConfig, layers: Range<Int>) -> Int {
            byteCount(config, layers, examples: examples.max() ?? 0)
        }

        /// Bytes on the coordinator's disk when the last block is in: all blocks' tensors, and what is combined of them.
        func diskBytes(_ config: ModelConfig) -> Int {
            let layers = 0..<config.layerCount
            let combined = statistic.combination == .rows ? examples.reduce(0, +) : examples.max() ?? 0
            return (examples + [combined]).reduce(0) { $0 + byteCount(config, layers, examples: $1) }
        }
    }

    package var steps: [Step] = []

    package init(_ steps: [Step] = []) { self.steps = steps }
}
