package import Evaluation
package import Protocol
package import Selection
package import Tensors

/// Work that a runner gave up. Its words are the worker's, which say so where a number is not finite.
package protocol ModelRunnerFailure: Error, CustomStringConvertible {}

/// What the study needs of a fleet: one model, edited and asked.
///
/// The calls of a study come one after the other. Every method shows its own progress under the label it is given, and
/// retries what a dying worker left behind.
package protocol ModelRunner: AnyObject, Sendable {
    /// The kernel level of its workers, by name: the last bits of their results depend on it.
    var kernels: String { get }

    /// Collects statistics over every request's blocks, all in one job, and combines each request's in block order into its
    /// output file. Runs on the weights as they are.
    /// - Returns: what `release` takes.
    /// - Throws: `ModelRunnerFailure` where the work is given up; what reading, combining and writing files throws.
    @discardableResult
    func score(_ requests: [ScoreRequest], label: String) async throws -> ScoreReceipt

    /// The outputs of a scoring job are safe where the caller keeps them: what they were folded from may go.
    /// - Throws: what the record of the run throws where it cannot be written.
    func release(_ receipt: ScoreReceipt) throws

    /// Log-probabilities of every scored token: one entry a sequence, in the batches' order.
    /// - Throws: `ModelRunnerFailure` where the work is given up.
    func likelihood(_ batches: [Batch], label: String) async throws -> [SequenceScore]

    /// The distribution of the token that follows every prompt's last one.
    /// - Parameter batches: their examples are the prompts (`BatchPacking.prompts`).
    /// - Returns: natural logarithms of probabilities, [prompts × vocabulary], in the batches' order. A row has 4 bytes a
    ///   token of the vocabulary: where a few tokens are enough, or a comparison, ask for that.
    /// - Throws: `ModelRunnerFailure` where the work is given up.
    func nextTokens(_ batches: [Batch], label: String) async throws -> [[Float]]

    /// The same of some tokens alone.
    /// - Returns: natural logarithms of probabilities, [prompts × tokens].
    /// - Throws: `ModelRunnerFailure` where the work is given up, or a token is outside the vocabulary.
    func nextTokens(_ batches: [Batch], of tokens: [Int32], label: String) async throws -> [[Double]]

    /// How far the current model's next-token distributions are from a reference's: KL(reference ‖ current model), see
    /// `TokenDivergence`. The distributions travel; what is recorded and cached is the result.
    /// - Parameters:
    ///   - reference: a row for every prompt of the batches.
    ///   - epsilon: added to every probability inside the logarithms; 0: the definition itself.
    /// - Returns: nats, one number a prompt.
    /// - Throws: `ModelRunnerFailure` where the work is given up; `InternalError` where the reference is of other prompts.
    func divergence(
        _ batches: [Batch], from reference: NextTokenReference, epsilon: Double, label: String
    ) async throws -> [Double]

    /// Continues the prompts of every group: one answer a prompt, group by group in order, without its stop token.
    /// - Throws: `ModelRunnerFailure` where the work is given up.
    func generate(_ groups: [TaskBody.Generation], label: String) async throws -> [[Int32]]

    /// Fine-tunes from the unedited checkpoint. Until the next `use` the trained weights, rewound where the request says
    /// so, are the current ones. Requests that differ in `rewind` alone are trained once.
    /// - Returns: the loss of every step.
    /// - Throws: `ModelRunnerFailure` where the work is given up.
    func train(_ request: TrainingRequest, label: String) async throws -> [Float]

    /// The tensors (f32, checkpoint names) that the last `train` ended with, before any rewinding, one stage at a time.
    /// - Throws: `ModelRunnerFailure` where the work is given up; `InternalError` where nothing has been trained; what
    ///   `body` throws.
    func trainedWeights(_ body: (TensorBundle) throws -> Void) async throws

    /// Makes a model current. That costs nothing: the weights are changed, or trained, when something is next computed with
    /// them, and only where they are not so already.
    /// - Throws: `ProtocolError` where a training request is too large to be sent.
    func use(_ state: ModelState) async throws

    /// Computes at the level of ranks on the unedited weights, where they are; the tensors of all tasks' results become
    /// the request's output file. What was current before is current again.
    /// - Throws: `ModelRunnerFailure` where the work is given up; what making the operands and writing the file throws.
    func compute(_ request: RankRequest, label: String) async throws

    /// All that was asked for is done: what is on record beside it may go.
    /// - Throws: what the record of the run throws where it cannot be written.
    func concluded() throws

    /// Ends the workers.
    func shutdown() async
}

extension ModelRunner {
    /// Makes the edited checkpoint, or the checkpoint itself, current.
    /// - Throws: what `use` throws.
    package func apply(_ edit: (any WeightEdit)?) async throws {
        try await use(edit.map { ModelState($0) } ?? .checkpoint)
    }
}

/// A fine-tuning run from the unedited checkpoint.
package struct TrainingRequest: Sendable {
    package var training: TaskBody.Training
    /// Weights that get no update.
    package var freeze: Mask?
    /// Weights that get the checkpoint's values back when the run is over.
    package var rewind: Mask?
    /// Other requests differ from this one in `rewind` alone: what the run ends with is kept until the next run.
    package var isShared: Bool
    /// Steps after which a lost worker or a stopped program can go on; `nil`: about 50,000 tokens. Never changes a result.
    package var checkpointEvery: Int?
    /// Where the run ends before its last step; `nil`: nowhere.
    package var lossTarget: LossTarget?

    package init(
        _ training: TaskBody.Training, freeze: Mask? = nil, rewind: Mask? = nil, isShared: Bool = false,
        checkpointEvery: Int? = nil, lossTarget: LossTarget? = nil
    ) {
        self.training = training
        self.freeze = freeze
        self.rewind = rewind
        self.isShared = isShared
        self.checkpointEvery = checkpointEvery
        self.lossTarget = lossTarget
    }

    /// Where nobody says otherwise. A step of T tokens computes 6 P T FLOP over P weights and a checkpoint
    /// moves 12 P bytes, so that what it costs beside the steps depends on neither the model nor the fleet's size: about a
    /// tenth at 10¹¹ FLOP/s and 40 MB/s, or at 10¹² and 400.
    package static let tokensBetweenCheckpoints = 50_000

    /// Steps between two checkpoints: as asked, else so that about `tokensBetweenCheckpoints` lie between them.
    package var checkpointInterval: Int {
        if let checkpointEvery { return checkpointEvery }
        let tokens = training.steps.joined().reduce(0) { $0 + $1.tokenCount }
        return max(1, Self.tokensBetweenCheckpoints * training.steps.count / max(1, tokens))
    }
}

/// Work at the level of ranks, in groups of layers whose operands are sent together.
package struct RankRequest: Sendable {
    package struct Group: Sendable {
        package var tasks: [TaskBody.RankTask]
        /// What the tasks compute with; made when it is the group's turn, so that memory holds one group's at a time.
        package var operands: @Sendable () throws -> TensorBundle

        package init(tasks: [TaskBody.RankTask], operands: @escaping @Sendable () throws -> TensorBundle) {
            self.tasks = tasks
            self.operands = operands
        }
    }

    package var groups: [Group]
    /// A safetensors file.
    package var output: String
    package var metadata: [String: String]

    package init(groups: [Group], output: String, metadata: [String: String]) {
        self.groups = groups
        self.output = output
        self.metadata = metadata
    }
}

/// Names the partials that a scoring job's outputs were folded from.
package struct ScoreReceipt: Sendable {
    /// Of the job's tasks in the run's journal; empty where there is none.
    package var keys: [String]

    package init(keys: [String] = []) { self.keys = keys }
}

/// Statistics of one data set.
package struct ScoreRequest: Sendable {
    package var name: String
    package var statistics: [StatisticRequest]
    package var blocks: [[Batch]]
    /// The safetensors file of what the blocks' tensors come to.
    package var output: String
    /// The cache keeps the file by what the request says. Scores are kept otherwise, as files that say what they are of.
    package var isCached: Bool

    package init(
        name: String, statistics: [StatisticRequest], blocks: [[Batch]], output: String, isCached: Bool = false
    ) {
        self.name = name
        self.statistics = statistics
        self.blocks = blocks
        self.output = output
        self.isCached = isCached
    }
}
