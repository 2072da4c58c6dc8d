package import Checkpoint
package import Evaluation
import Foundation
package import Protocol
package import Reporting
package import Selection
package import Tensors

/// A model on a fleet: turns what a study asks into tasks, and their results into numbers.
///
/// Calls block the calling task while the fleet works; a study makes them one after the other.
package final class FleetRunner: ModelRunner, @unchecked Sendable {
    private let fleet: Fleet
    private let checkpoint: Checkpoint
    private let progress: ProgressLine
    /// A folder of this run alone, removed at the end.
    private let temporary: String?
    private var plan: ModelPlan?
    private lazy var digest = checkpoint.digest()
    /// Fine-tuned weights are the current ones; the fleet trains again where a worker takes its share with it.
    private var holdsTraining = false
    /// What every stage has been told to change.
    private var edit: (bundle: TensorBundle?, name: String) = (nil, "unedited")

    package init(fleet: Fleet, checkpoint: Checkpoint, progress: ProgressLine, temporary: String? = nil) {
        self.fleet = fleet
        self.checkpoint = checkpoint
        self.progress = progress
        self.temporary = temporary
    }

    package func score(_ requests: [ScoreRequest], label: String) async throws {
        try use(copies: 2.2, onePipeline: false)
        var tasks: [FleetTask] = []
        var owner: [Int] = []
        for (number, request) in requests.enumerated() {
            for block in request.blocks {
                tasks.append(
                    FleetTask(
                        body: .score(statistics: request.statistics, batches: block),
                        cost: Double(block.reduce(0) { $0 + $1.tokenCount })))
                owner.append(number)
            }
        }
        var partials: [[[StageResult]]] = requests.map { _ in [] }
        try run(tasks, label: label) { task, results in
            partials[owner[task]].append(results)
            // A request is folded as soon as its last block is in, which bounds the disk the partials take.
            guard partials[owner[task]].count == requests[owner[task]].blocks.count else { return }
            try Self.fold(partials[owner[task]], to: requests[owner[task]].output)
            partials[owner[task]] = []
        }
    }

    private static func fold(_ blocks: [[StageResult]], to path: String) throws {
        try Fold.fold(
            blocks: try blocks.map { results in
                try results.map { result -> any Partial in
                    switch result.bundle {
                    case .memory(let bundle): BundlePartial(bundle, label: "stage \(result.stage)")
                    case .file(let path): try SafetensorsFile(path: path)
                    }
                }
            }, to: path)
        for case .file(let path) in blocks.joined().map(\.bundle) { unlink(path) }
    }

    package func likelihood(_ batches: [Batch], label: String) async throws -> [SequenceScore] {
        try useForReading()
        var scores: [SequenceScore] = []
        try run(
            batches.map { FleetTask(body: .likelihood(batches: [$0]), cost: Double($0.tokenCount)) }, label: label
        ) { task, results in
            guard let bundle = try results.last?.load(), let values = bundle["log_probability"],
                let hits = bundle["greedy"],
                let split = SequenceScore.split(
                    logProbabilities: values.buffer.floatArray(), greedy: hits.buffer.byteArray().map { $0 != 0 },
                    over: batches[task].sequences)
            else { throw InternalError("a worker's log-probabilities do not fit the batch it was sent") }
            scores += split
        }
        return scores
    }

    package func generate(_ groups: [TaskBody.Generation], label: String) async throws -> [[Int32]] {
        try useForReading()
        var answers: [[Int32]] = []
        try run(
            groups.map { group in
                let prompts = group.prompts.reduce(0) { $0 + $1.count }
                return FleetTask(
                    body: .generate(group), cost: Double(prompts + group.prompts.count * group.maxNewTokens))
            }, label: label
        ) { task, results in
            guard let bundle = try results.first?.load(), let tokens = bundle["tokens"], let lengths = bundle["lengths"]
            else { throw InternalError("a worker's answer to a generation task holds no tokens") }
            let all = tokens.buffer.int32Array()
            var start = 0
            for length in lengths.buffer.int32Array().map(Int.init) {
                guard length >= 0, start + length <= all.count else {
                    throw InternalError("a worker's answer lengths do not fit its tokens")
                }
                answers.append(Array(all[start..<start + length]))
                start += length
            }
        }
        return answers
    }

    package func train(_ training: TaskBody.Training, freeze: Mask?, label: String) async throws -> [Float] {
        try use(copies: 4.2, onePipeline: true)
        var bundle = freeze?.bundle
        bundle?.metadata["edit"] = "freeze"
        try setEdit(bundle, name: freeze == nil ? "unedited" : "freeze")
        let tokens = training.steps.joined().reduce(0) { $0 + $1.tokenCount }
        var losses: [Float] = []
        try run([FleetTask(body: .train(training), cost: Double(tokens), sequence: 0)], label: label) { _, results in
            losses = try results.last?.load()["losses"]?.buffer.floatArray() ?? []
        }
        holdsTraining = true
        return losses
    }

    package func trainedWeights(_ body: (TensorBundle) throws -> Void) async throws {
        guard holdsTraining else { throw InternalError("nothing has been trained") }
        try run([FleetTask(body: .export, cost: 1)], label: "fetching trained weights") { _, results in
            for result in results {
                try body(try result.load())
                if case .file(let path) = result.bundle { unlink(path) }
            }
        }
    }

    package func apply(edit mask: Mask?) async throws {
        holdsTraining = false
        if plan == nil { try use(copies: 1.1, onePipeline: false) }
        try setEdit(mask?.bundle, name: mask == nil ? "unedited" : "mask")
    }

    package func shutdown() async { end() }

    /// Ends the workers and removes what is temporary.
    func end() {
        progress.end()
        fleet.shutdown()
        if let temporary { try? FileManager.default.removeItem(atPath: temporary) }
    }

    // MARK: Fleet

    private func setEdit(_ bundle: TensorBundle?, name: String) throws {
        edit = (bundle, name)
        try fleet.apply(edit: bundle, name: name)
    }

    /// Reading work takes any plan, and keeps the one that holds trained weights.
    private func useForReading() throws {
        if !holdsTraining { try use(copies: 1.1, onePipeline: false) }
    }

    private func use(copies: Double, onePipeline: Bool) throws {
        let config = checkpoint.config
        let perLayer = LinearMap.allCases.reduce(0) { $0 + $1.shape(in: config).rows * $1.shape(in: config).columns }
        let table = config.vocabularySize * config.hiddenSize
        var wanted = ModelPlan(
            path: checkpoint.path, layerBytes: Array(repeating: 4 * perLayer, count: config.layerCount),
            layerCost: Array(repeating: Double(perLayer), count: config.layerCount))
        wanted.digest = digest
        wanted.headBytes = 4 * table
        // Only scored positions reach the head, about half of all.
        wanted.headCost = Double(table) / 2
        wanted.memoryMultiplier = copies
        wanted.preferOnePipeline = onePipeline
        guard wanted != plan else { return }
        try fleet.use(model: wanted)
        plan = wanted
        try fleet.apply(edit: edit.bundle, name: edit.name)
    }

    private func run(
        _ tasks: [FleetTask], label: String, committed: (Int, [StageResult]) throws -> Void
    ) throws {
        guard !tasks.isEmpty else { return }
        let total = tasks.reduce(0.0) { $0 + $1.cost }
        progress.begin(label, total: Int(total), unit: "tokens")
        defer { progress.end() }
        try fleet.run(
            tasks, label: label, progress: { [progress] in progress.update(Int($0.costDone)) }, committed: committed)
    }
}
