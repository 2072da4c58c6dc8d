package import Checkpoint
package import Experiment
import Protocol
package import Scheduling
import Selection
import StudyFile

/// The most memory that a worker will hold, phase by phase: what its process peaks at (`VmHWM`).
package struct MemoryPrediction {
    package struct Phase: Sendable, Equatable {
        package var name: String
        package var bytes: Int
    }

    /// What the workers are.
    package struct Workers: Sendable, Equatable {
        package var count: Int
        package var threads: Int
        /// What each may use.
        package var memoryBytes: Int
        package var pipelines: Int?

        package init(count: Int, threads: Int, memoryBytes: Int, pipelines: Int? = nil) {
            (self.count, self.threads, self.memoryBytes, self.pipelines) = (count, threads, memoryBytes, pipelines)
        }
    }

    private let schedule: StudySchedule
    private let config: ModelConfig
    private let workers: Workers
    /// Of the checkpoint on disk, which is mapped.
    private let fileBytes: Int
    private let work: Work

    package init(_ schedule: StudySchedule, config: ModelConfig, workers: Workers, fileBytes: Int, work: Work) {
        (self.schedule, self.config, self.workers) = (schedule, config, workers)
        (self.fileBytes, self.work) = (fileBytes, work)
    }

    /// How the fleet is laid out for work that keeps so many copies of the weights.
    package func pipelines(copies: Double, onePipeline: Bool = false) -> [[Plan.Stage]] {
        let model = ModelPlan(config, copies: copies, onePipeline: onePipeline)
        let all = (0..<workers.count).map {
            Plan.Worker(id: $0, threads: workers.threads, memoryBytes: workers.memoryBytes)
        }
        return (try? Plan.make(workers: all, model: model, pipelines: workers.pipelines))?.pipelines ?? []
    }

    /// Phases with work, the largest last.
    package func phases() -> [Phase] {
        var phases: [Phase] = []
        let kinds = Set(work.steps.filter { !$0.isKnown }.map(\.kind))
        if kinds.contains(.forward) || kinds.contains(.answers) {
            phases.append(
                phase("answers and likelihoods", copies: ModelPlan.Copies.reading, onePipeline: false) { reading($0) })
        }
        if kinds.contains(.scores) {
            phases.append(
                phase(
                    takesMoments ? "scores and second moments" : "scores", copies: scoringCopies,
                    onePipeline: false
                ) { scoring($0) })
        }
        if kinds.contains(.training) {
            phases.append(phase("fine-tuning", copies: ModelPlan.Copies.training, onePipeline: true) { training($0) })
        }
        return phases.sorted { $0.bytes < $1.bytes }
    }

    package var peak: Int { phases().last?.bytes ?? 0 }

    // MARK: Parts

    private var layerWeights: Int { config.layerWeightCount }
    private var table: Int { config.vocabularySize * config.hiddenSize }
    private var scoringCopies: Double {
        takesMoments ? ModelPlan.Copies.ranks(config) : ModelPlan.Copies.scoring
    }
    /// Second moments are collected on the unedited model.
    private var takesMoments: Bool { schedule.scoring?.rankSides.isEmpty == false }
    private var study: Study { schedule.study }

    /// The program, its libraries and BLAS's buffers.
    private var process: Int { (60 << 20) + workers.threads * (24 << 20) }

    private func phase(
        _ name: String, copies: Double, onePipeline: Bool, _ more: (Plan.Stage) -> Int
    ) -> Phase {
        let stages = pipelines(copies: copies, onePipeline: onePipeline).joined()
        return Phase(name: name, bytes: stages.map { process + weights($0) + more($0) }.max() ?? 0)
    }

    private func isLast(_ stage: Plan.Stage) -> Bool { stage.layers.upperBound == config.layerCount }

    private func resident(_ stage: Plan.Stage) -> Int {
        4 * (layerWeights * stage.layers.count + (isLast(stage) ? table : 0))
    }

    /// As f32 where they fit, else as they are in the file; the file's pages that were read count, too.
    private func weights(_ stage: Plan.Stage) -> Int {
        let share = Double(resident(stage)) / Double(4 * (layerWeights * config.layerCount + table))
        let pages = Int(Double(fileBytes) * share)
        return pages + (isResident(stage) ? resident(stage) : 4 * max(table, layerWeights))
    }

    private func isResident(_ stage: Plan.Stage) -> Bool { resident(stage) <= workers.memoryBytes / 10 * 6 }

    private func spare(_ stage: Plan.Stage) -> Int {
        max(0, workers.memoryBytes - (isResident(stage) ? resident(stage) : 0))
    }

    /// Floats a token leaves behind in one layer, where they are kept (as `DecoderLayer.activationFloats`).
    private var activationFloats: Int {
        let q = config.headCount * config.headDim
        let qkv = q + 2 * config.keyValueHeadCount * config.headDim
        return 3 * config.hiddenSize + (config.queryKeyNorm ? 2 : 1) * qkv + q + 3 * config.intermediateSize
    }

    /// Logits are made in tiles of at most 192 rows.
    private func logits(rows: Int) -> Int { 4 * min(192, rows) * config.vocabularySize }

    private func longest(_ kinds: Set<Work.Kind>) -> Work.Task {
        work.steps.filter { !$0.isKnown && kinds.contains($0.kind) }.flatMap(\.tasks).reduce(Work.Task()) {
            Work.Task(
                tokens: max($0.tokens, $1.tokens), scored: max($0.scored, $1.scored), steps: max($0.steps, $1.steps),
                rows: max($0.rows, $1.rows))
        }
    }

    private func reading(_ stage: Plan.Stage) -> Int {
        let forward = longest([.forward])
        let batch =
            4 * activationFloats * min(forward.tokens, study.batchTokens)
            + (isLast(stage) ? logits(rows: forward.scored) : 0)
        var answers = 0
        for step in work.steps where step.kind == .answers && !step.isKnown {
            for task in step.tasks {
                let turns = max(1, task.steps)
                let perTurn = turns / max(1, (task.scored + max(1, task.rows) - 1) / max(1, task.rows))
                let capacity = task.tokens / max(1, task.scored) + perTurn
                let cache =
                    8 * task.rows * capacity * config.keyValueHeadCount * config.headDim * stage.layers.count
                answers = max(
                    answers,
                    cache + 4 * activationFloats * min(task.tokens, 2016)
                        + (isLast(stage) ? logits(rows: task.rows) : 0)
                )
            }
        }
        // A finished group's buffers wait for the next one's.
        return max(batch, answers) + min(batch, answers)
    }

    private func scoring(_ stage: Plan.Stage) -> Int {
        let extent = StatisticExtent(layers: stage.layers)
        let sums = study.scores.statistics.reduce(0) { $0 + $1.byteCount(config, extent) }
        let blocks = work.steps.filter { $0.kind == .scores && !$0.isKnown }.flatMap(\.tasks).count
        let pipelines = self.pipelines(copies: scoringCopies).count
        // The next block begins while the last one's sums are on their way.
        let copies = blocks > pipelines ? 2 : 1
        var moments = 0
        if takesMoments {
            moments = SecondMoments().byteCount(config, extent) * 2
        }
        return copies * (sums + moments / 2) + moments / 2 + backward(stage, [.scores])
    }

    /// Activations of a batch and what the head makes of it.
    private func backward(_ stage: Plan.Stage, _ kinds: Set<Work.Kind>) -> Int {
        let task = longest(kinds)
        let tokens = min(task.tokens, study.batchTokens)
        let perLayer = 4 * activationFloats * tokens
        let inFlight = isLast(stage) ? 1 : pipelines(copies: ModelPlan.Copies.scoring)[0].count + 1
        let kept = perLayer * stage.layers.count * inFlight
        let keeps = kept <= max(0, spare(stage) - 2 * resident(stage)) / 2
        let inputs = 4 * config.hiddenSize * tokens * stage.layers.count * inFlight
        let held = (keeps ? kept : inputs) + 2 * perLayer
        // Batches differ in length: buffers of the others' sizes wait in the pool, which holds at most so much.
        let idle = min(held / 2, max(64 << 20, spare(stage) / 4))
        return held + idle + (isLast(stage) ? logits(rows: min(task.scored, tokens)) : 0)
    }

    /// Gradients and two moments beside the weights.
    private func training(_ stage: Plan.Stage) -> Int {
        var trained = 0
        for case .training(let step) in schedule.conditions.map(\.change) {
            let all = step.training.parameters == .all && isLast(stage) ? table : 0
            trained = max(trained, 4 * (layerWeights * stage.layers.count + all))
        }
        return 3 * trained + backward(stage, [.training])
    }
}
