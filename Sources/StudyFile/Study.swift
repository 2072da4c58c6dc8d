package import Checkpoint
package import Datasets
import Evaluation
package import Jinja
package import Protocol
package import Selection
package import Tensors

/// What a user asks for: which model, which data, which conditions, and how they are measured.
///
/// A condition is an edit of the model (or a fine-tuning run) that is evaluated like every other one.
package struct Study: Sendable, Equatable {
    package var name: String
    /// A Hugging Face folder or a GGUF file.
    package var model: String
    /// What a person calls it: the last part of its path.
    package var modelName: String { model.split(separator: "/").last.map(String.init) ?? model }
    /// A family's name, or a file, in place of the checkpoint's own chat template.
    package var template: String?
    package var system: SystemPrompt
    package var thinking = Thinking.template
    /// For chat templates that write the date; `nil`: the day the run began.
    package var date: CalendarDay?
    package var seed: UInt64
    /// Local workers; the command line may say otherwise, the results never change.
    package var workers: Int
    package var pipelines: Int?
    /// Examples in a block: the unit of folding and of what a crash costs.
    package var blockExamples: Int
    package var batchTokens: Int
    package var calibration: CalibrationData?
    package var scores: Scores
    package var probe: Probe?
    package var overlap: OverlapSettings?
    /// Statistics of the unedited model that get a file of their own.
    package var statistics: [StatisticSettings] = []
    /// How its refusal direction is found; `nil`: it is not.
    package var refusalDirection: DirectionPlan?
    package var layerCurves: LayerCurvePlan?
    /// How its safety layers are found; `nil`: they are not.
    package var layerRange: LayerRangePlan?
    /// How the direction of its reasoning is followed; `nil`: it is not.
    package var reasoningCurves: ReasoningCurvePlan?
    package var conditions: [Condition]
    package var evaluation: EvaluationSettings
    /// Conditions whose model is written to the run directory.
    package var export: [String]
    /// Percent of a data file's entries that may be left out because they cannot be used.
    package var maxSkipped = DataFiles.standardMaxSkipped
    /// A file of phrases that takes the place of the default judge's.
    package var refusalPhrases: String?
    /// Judges that come with the program, by name and version; the first one judges what rates are made of where there is no
    /// file of phrases. Empty: the default judge.
    package var judges: [String] = []

    package enum Keep: String, Sendable, CaseIterable { case refusals, all }

    /// Where the pairs of one side come from.
    package enum PairSource: Sendable, Equatable {
        case pairs(file: String, samples: Int?)
        /// The unedited model's own answers (paper: safety-full).
        case answers(prompts: String, limit: Int?, keep: Keep, samples: Int?, maxNewTokens: Int)

        var isAnswered: Bool { if case .answers = self { true } else { false } }
    }

    package struct CalibrationData: Sendable, Equatable {
        package var safety: PairSource
        package var utility: PairSource
    }

    package struct Scores: Sendable, Equatable {
        package var method: ScoreMethod = .snip
        package var loss: Loss = .mean

        package init(method: ScoreMethod = .snip, loss: Loss = .mean) {
            self.method = method
            self.loss = loss
        }

        /// What is collected of calibration data.
        package var statistics: [any Statistic] { method.statistics(ScoreSettings(loss: loss)) }

        /// Bytes of that over one block.
        package func byteCount(_ config: ModelConfig) -> Int { statistics.reduce(0) { $0 + $1.byteCount(config) } }
    }

    /// What attention heads are probed with.
    package struct Probe: Sendable, Equatable {
        package var harmful: PromptSet
        package var harmless: PromptSet
        /// Inverse strength of the classifiers' penalty.
        package var c = 1.0

        package init(harmful: PromptSet, harmless: PromptSet) {
            self.harmful = harmful
            self.harmless = harmless
        }
    }

    package struct Condition: Sendable, Equatable {
        package var name: String
        package var method: any ConditionMethod
        /// Each decoder block is scored on data that ran through the blocks already edited (the published code), instead
        /// of all of them on the unedited model.
        package var isSequential = false

        package init(name: String, method: any ConditionMethod, isSequential: Bool = false) {
            self.name = name
            self.method = method
            self.isSequential = isSequential
        }

        /// Method and settings in words.
        package var title: String { method.title + (isSequential ? ", block by block" : "") }
    }

    package enum Side: String, Sendable, CaseIterable { case safety, utility }

    package struct FineTune: Sendable, Equatable {
        package enum Length: Sendable, Equatable {
            case steps(Int)
            /// Passes over the examples; the last step of a pass may have fewer of them.
            case epochs(Int)
        }

        package var pairs: String
        package var samples: Int?
        package var length: Length
        /// Examples a step.
        package var batch: Int
        /// Tokens of a micro-batch at most; `nil`: the study's `batchTokens`. Several a step keep a pipeline's stages busy.
        package var batchTokens: Int?
        package var learningRate: Double
        package var parameters: TaskBody.Training.Parameters
        /// Steps go up the gradient: the pairs become less likely.
        package var isAscent = false
        /// The mean loss of a pass over the examples at which the run ends early; `nil`: it has all its epochs.
        package var untilLoss: Double?
        package var restriction: Restriction?
        /// Matrices beside the linear maps are trained in place of the weights.
        package var lora: LoRA?
        /// The grid that it is a cell of.
        package var grid: String?
        /// Steps between checkpoints; `nil`: about 50,000 tokens. Never changes a result.
        package var checkpointEvery: Int?

        package init(
            pairs: String, samples: Int?, length: Length, batch: Int, batchTokens: Int? = nil, learningRate: Double,
            parameters: TaskBody.Training.Parameters, restriction: Restriction? = nil
        ) {
            self.pairs = pairs
            self.samples = samples
            self.length = length
            self.batch = batch
            self.batchTokens = batchTokens
            self.learningRate = learningRate
            self.parameters = parameters
            self.restriction = restriction
        }
    }

    package struct PromptSet: Sendable, Equatable {
        package var file: String
        package var samples: Int?
        /// Prompts left out at the file's start, and how many are looked at after them; `nil`: all.
        package var skip = 0
        package var first: Int?
        /// The file holds pairs: prompts with responses.
        package var hasResponses = false

        package init(file: String, samples: Int? = nil) {
            self.file = file
            self.samples = samples
        }

        /// - Parameter name: of the random stream that draws the samples.
        /// - Throws: `InputError`.
        package func read(seed: UInt64, name: String, _ files: DataFiles) throws(InputError) -> [String] {
            try drawn(of: try files.prompts(file), seed: seed, name: name)
        }

        /// The same of pairs, where `hasResponses`.
        /// - Throws: `InputError`.
        package func readPairs(seed: UInt64, name: String, _ files: DataFiles) throws(InputError) -> [Pair] {
            try drawn(of: try files.pairs(file), seed: seed, name: name)
        }

        private func drawn<T>(of all: [T], seed: UInt64, name: String) throws(InputError) -> [T] {
            guard skip + (first ?? 1) <= all.count else {
                throw InputError(
                    file,
                    "\(first ?? 1) \(hasResponses ? "pairs" : "prompts") after the first \(skip) were asked for, the file has \(all.count)"
                )
            }
            let part = Array(all.dropFirst(skip).prefix(first ?? all.count))
            return try Sampling.sample(part, count: samples, seed: seed, name: name, source: file)
        }
    }

    /// What grid points are chosen on, and reported on.
    package enum SelectOn: String, Sendable, CaseIterable {
        /// All prompts and questions; p is corrected for the points (Holm).
        case all
        /// One half of them; the other half is reported.
        case half
    }

    package struct EvaluationSettings: Sendable, Equatable {
        /// Tokens of an answer at most, where nothing else is said.
        package static let standardNewTokens = 150

        package var harmful: PromptSet?
        package var harmless: PromptSet?
        /// How the harmful prompts are put to the model; empty: once, as a chat, with `samples` and `temperature`.
        package var attacks: [AttackSetting] = []
        package var maxNewTokens = Self.standardNewTokens
        /// Answers a prompt.
        package var samples = 1
        /// 0 is greedy.
        package var temperature = 0.0
        /// Above 0; 1: none. Of all answers.
        package var repetitionPenalty = 1.0
        /// Rows of a decode batch, and prompts of a generation group.
        package var slots = 24
        package var groupPrompts = 48
        /// Nats a token that an answer's mean log-likelihood has to reach; `nil`: calibrated on the unedited model.
        package var coherenceFloor: Double?
        package var tasks: [String] = []
        /// Questions taken of every task file, from its start.
        package var taskLimit: Int?
        package var zeroShot: ZeroShotSettings?
        package var perplexity: PerplexityText?
        /// `nil`: first tokens are not compared.
        package var firstTokenKL: FirstTokenKL?
        /// `nil`: the log-odds of a refusal are not taken.
        package var refusalTokens: RefusalTokenPlan?
        package var selectOn = SelectOn.all
        /// `nil`: methods are not compared at matched utility.
        package var utilityBounds: UtilityBounds?

        package init() {}

        /// The attacks, or the one that `samples` and `temperature` describe.
        package var settings: [AttackSetting] {
            guard attacks.isEmpty else { return attacks }
            var setting = AttackSetting(.vanilla)
            (setting.samples, setting.temperature) = (samples, temperature)
            return [setting]
        }
    }

    package struct PerplexityText: Sendable, Equatable {
        package var file: String
        package var maxTokens: Int?
        package var window: Int?

        package init(file: String, maxTokens: Int? = nil, window: Int? = nil) {
            self.file = file
            self.maxTokens = maxTokens
            self.window = window
        }
    }
}
