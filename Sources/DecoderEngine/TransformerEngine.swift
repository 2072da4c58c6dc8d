import CKernels
package import Checkpoint
import Linalg
package import Protocol
import Selection
package import Stages
package import Tensors
import Transformer

/// The real engine: one stage of a decoder, and one job a task.
package final class TransformerEngine: StageEngine {
    private let memoryBytes: Int
    private let files: EditFiles
    private var jobs: [UInt64: any StageJob] = [:]
    private var context: StageContext?

    /// - Parameters:
    ///   - memoryBytes: what weights, activations and statistics may take together.
    ///   - allowed: a path that may be read, beside a model's.
    ///   - open: reads a checkpoint.
    package init(
        memoryBytes: Int, allowed: @escaping (String) throws -> String = { $0 },
        open: @escaping (String) throws -> any WeightSource
    ) {
        self.memoryBytes = memoryBytes
        files = EditFiles(allowed: allowed, checkpoint: open)
    }

    /// Opens the model, compares it with the coordinator's and reads the stage's weights.
    /// - Throws: `UnfitWorker` where this copy is another model; `CheckpointError` or `StageError` where it cannot be
    ///   read.
    package func load(_ assignment: StageAssignment) throws {
        jobs = [:]
        context = nil
        let checkpoint = try files.checkpoint(assignment.model)
        try Self.compare(checkpoint, with: assignment)
        let source = EditableSource(checkpoint)
        let memory = StageMemory(
            source.config, layers: assignment.layers, isLast: assignment.isLast, memoryBytes: memoryBytes)
        let pool = ThreadPool(threads: assignment.threads)
        let stage = try Stage(
            source: source, layers: assignment.layers, first: assignment.isFirst, last: assignment.isLast, pool: pool,
            resident: memory.isResident)
        BufferPool.setLimit(memory.idleBytes)
        context = StageContext(
            stage: stage, source: source, files: files, assignment: assignment, pool: pool, memory: memory)
    }

    /// Before anything is computed: this copy's layers hold what the coordinator's do.
    private static func compare(_ source: any WeightSource, with assignment: StageAssignment) throws {
        guard let expected = assignment.modelDigest, let checkpoint = source as? Checkpoint else { return }
        let own = checkpoint.digest(
            layers: assignment.layers, isFirst: assignment.isFirst, isLast: assignment.isLast)
        guard own != expected else { return }
        let layers = "\(assignment.layers.lowerBound) to \(assignment.layers.upperBound - 1)"
        throw UnfitWorker(
            "\(assignment.model) here is another model than the coordinator's: layers \(layers) have digest \(own.prefix(12))…, not \(expected.prefix(12))…; copy the same files to every machine"
        )
    }

    /// Makes an edit current; `nil`: the unedited weights.
    /// - Throws: `EngineError` where no model is loaded, tasks are running, or the edit does not fit the model;
    ///   `SelectionError` where it is no edit.
    package func apply(edit: TensorBundle?) throws {
        let context = try loaded()
        guard jobs.isEmpty else { throw EngineError.busy }
        try context.apply(edit)
    }

    /// Begins a task on this stage.
    /// - Throws: `EngineError` where no model is loaded, or the task asks for what the stage cannot do; `StageError`
    ///   where a batch is malformed, or a number of the result is not finite.
    package func begin(task: UInt64, body: TaskBody) throws -> [StageOutput] {
        let context = try loaded()
        switch body {
        case .generate, .likelihood, .nextTokens: context.stage.packsWeights = context.memory.packsWeights
        // Their statistics and activations need the memory, and training writes to the weights.
        case .score, .train, .ranks: context.stage.packsWeights = false
        case .export, .checkpoint: break
        }
        let job: any StageJob =
            switch body {
            case .score(let statistics, let batches):
                try ScoreJob(task, context, statistics: statistics, batches: batches)
            case .likelihood(let batches): try LikelihoodJob(task, context, batches: batches)
            case .nextTokens(let batches, let tokens):
                try NextTokenJob(task, context, batches: batches, tokens: tokens)
            case .generate(let generation): try GenerateJob(task, context, generation)
            case .train(let training): try TrainJob(task, context, training)
            case .export: ExportJob(task, context, moments: false)
            case .checkpoint: ExportJob(task, context, moments: true)
            case .ranks(let ranks): RankJob(task, context, ranks)
            }
        let outputs = try job.begin()
        jobs[task] = job
        return try finish(task, outputs)
    }

    /// Takes the next packet of a task; of a task that is not running it takes none.
    /// - Throws: `StageError` where a weight or a number of the result is not finite; what the task throws.
    package func receive(_ packet: Packet) throws -> [StageOutput] {
        guard let job = jobs[packet.task] else { return [] }
        return try finish(packet.task, try job.receive(packet))
    }

    package func abort(task: UInt64) { jobs[task] = nil }

    /// - Throws: `StageError.notFinite`: no number leaves a worker that is none.
    private func finish(_ task: UInt64, _ outputs: [StageOutput]) throws -> [StageOutput] {
        for case .result(_, let bundle) in outputs {
            jobs[task] = nil
            if let name = NotFinite.entry(of: bundle.entries) { throw StageError.notFinite(name) }
        }
        return outputs
    }

    private func loaded() throws -> StageContext {
        guard let context else { throw EngineError.noModel }
        return context
    }
}

/// What the engine refuses.
enum EngineError: Error, CustomStringConvertible {
    case noModel
    case busy
    case twoLosses
    case severalLayers
    case statisticTwice(String)
    case notTrained
    case trainingNeedsMemory
    case outOfOrder(step: Int)
    case wrongMask(String)
    case badState(String)
    case badGeneration(String)
    case wrongFactors(String)
    case cannotApply(String)
    case missingOperand(String)
    case noGradient

    var description: String {
        switch self {
        case .noModel: "no model is loaded"
        case .busy: "an edit came while tasks were running"
        case .twoLosses: "a scoring task may differentiate one loss only: ask for mean or sum"
        case .severalLayers: "a scoring task is about all layers or about one"
        case .statisticTwice(let name): "a scoring task may ask for \(name) once only, with one set of options"
        case .notTrained: "there is nothing to export: no fine-tuning has run on this stage"
        case .trainingNeedsMemory:
            "fine-tuning keeps weights, gradients and moments as f32 in memory: give the worker more --memory or add workers"
        case .outOfOrder(let step):
            "fine-tuning cannot go on at step \(step): this stage does not hold the steps before it"
        case .wrongMask(let what): "the mask does not fit the model: \(what)"
        case .badState(let what): "the saved state of fine-tuning does not fit the model: \(what)"
        case .badGeneration(let what): "bad generation task: \(what)"
        case .wrongFactors(let what): "the low-rank edit does not fit the model: \(what)"
        case .cannotApply(let kind): "this engine does nothing with edits of kind \(kind)"
        case .missingOperand(let name): "\(name) was not sent along, or is of another shape"
        case .noGradient: "nothing differentiates through an ablated model: use a statistic without gradients"
        }
    }
}

/// One task on one stage.
protocol StageJob: AnyObject {
    func begin() throws -> [StageOutput]
    func receive(_ packet: Packet) throws -> [StageOutput]
}
