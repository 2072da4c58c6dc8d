/// One token sequence inside a packed batch.
public struct TokenSequence: Codable, Sendable, Equatable {
    public var tokens: [Int32]
    /// Index of the first token that is scored (the first response token); `tokens.count` where none is.
    public var scoredFrom: Int
    /// Index, in the same batch, of an earlier sequence (itself without a prefix) that this one continues:
    /// it attends to that sequence's tokens and its positions go on after them. Forward only.
    public var prefix: Int?
    /// Which class of examples it is one of, for statistics that tell classes apart; `nil`: there is one class.
    public var group: Int?

    public init(tokens: [Int32], scoredFrom: Int, prefix: Int? = nil, group: Int? = nil) {
        self.tokens = tokens
        self.scoredFrom = scoredFrom
        self.prefix = prefix
        self.group = group
    }
}

/// A fixed slice of whole sequences, packed without padding: the unit that moves through the stages.
public struct Batch: Codable, Sendable, Equatable {
    public var sequences: [TokenSequence]
    public var tokenCount: Int { sequences.reduce(0) { $0 + $1.tokens.count } }
    /// Sequences that no other continues: a shared beginning is no example of its own.
    public var exampleCount: Int { sequences.count - Set(sequences.compactMap(\.prefix)).count }
    public init(sequences: [TokenSequence]) { self.sequences = sequences }
}

/// Which loss SNIP differentiates (arXiv 2402.05162, section 2): the mean over response tokens (published code)
/// or their sum (text).
public enum Loss: String, Codable, Sendable, CaseIterable { case mean, sum }

/// What a stage is asked to do with tokens. Every stage of a pipeline gets the same body.
public enum TaskBody: Codable, Sendable, Equatable {
    /// Collect statistics over one block.
    case score(statistics: [StatisticRequest], batches: [Batch])
    /// Log-probability of every scored token.
    case likelihood(batches: [Batch])
    /// The distribution of the token that follows every example's last one: log-probabilities of all tokens of the vocabulary,
    /// or of `tokens` alone.
    case nextTokens(batches: [Batch], tokens: [Int32]?)
    case generate(Generation)
    case train(Training)
    /// Hand over the stage's tensors as they are now (after training), f32.
    case export
    /// Hand over all that decides the stage's next optimiser step: tensors, moments, and the number of steps made.
    case checkpoint
    /// Compute with the tensors of the current edit (of kind `operands`) and the weights of one layer.
    case ranks(RankTask)

    /// Continue prompts in one group with fixed slots.
    public struct Generation: Codable, Sendable, Equatable {
        public var prompts: [[Int32]]
        /// Rows of the decode batch.
        public var slots: Int
        public var maxNewTokens: Int
        public var stopTokens: [Int32]
        /// 0 is greedy.
        public var temperature: Float
        /// One stream per prompt: its draws depend on (seed, stream, step) only.
        public var seed: UInt64
        public var streams: [UInt64]
        /// Divides the logits of tokens that a sequence has already where they are above 0, and multiplies them elsewhere.
        /// Absent where it is 1: the body of a task without it has the same bytes as ever.
        public private(set) var repetitionPenalty: Float?

        public init(
            prompts: [[Int32]], slots: Int, maxNewTokens: Int, stopTokens: [Int32], temperature: Float, seed: UInt64,
            streams: [UInt64], repetitionPenalty: Float = 1
        ) {
            self.prompts = prompts
            self.slots = slots
            self.maxNewTokens = maxNewTokens
            self.stopTokens = stopTokens
            self.temperature = temperature
            self.seed = seed
            self.streams = streams
            self.repetitionPenalty = repetitionPenalty == 1 ? nil : repetitionPenalty
        }
    }

    /// What is asked of the weights of one decoder layer at the level of ranks.
    public struct RankTask: Codable, Sendable, Equatable {
        public enum Kind: String, Codable, Sendable {
            /// Second moments in, orthonormal directions and singular values out.
            case subspaces
            /// Directions in, the factors of the change of the weights out.
            case factors
        }

        public var kind: Kind
        public var layer: Int
        /// Most directions that are wanted, by weight; where absent all.
        public var limits: [String: Int]

        public init(kind: Kind, layer: Int, limits: [String: Int] = [:]) {
            self.kind = kind
            self.layer = layer
            self.limits = limits
        }
    }

    /// Consecutive optimiser steps of one fine-tuning run; state (moments, weights) stays with the stage between tasks.
    public struct Training: Codable, Sendable, Equatable {
        public enum Parameters: String, Codable, Sendable, CaseIterable { case all, linear }

        /// steps × micro-batches.
        public var steps: [[Batch]]
        /// Index of `steps[0]` in the run; at 0 the stage starts from the checkpoint with fresh moments.
        public var firstStep: Int
        public var parameters: Parameters
        public var learningRate: Float
        public var beta1: Float
        public var beta2: Float
        public var epsilon: Float
        public var weightDecay: Float
        /// Matrices beside the linear maps are trained in place of them; goes with `parameters` = linear.
        public var lora: LoRA?

        public init(
            steps: [[Batch]], firstStep: Int, parameters: Parameters, learningRate: Float, beta1: Float = 0.9,
            beta2: Float = 0.999, epsilon: Float = 1e-8, weightDecay: Float = 0, lora: LoRA? = nil
        ) {
            self.steps = steps
            self.firstStep = firstStep
            self.parameters = parameters
            self.learningRate = learningRate
            self.beta1 = beta1
            self.beta2 = beta2
            self.epsilon = epsilon
            self.weightDecay = weightDecay
            self.lora = lora
        }
    }
}
