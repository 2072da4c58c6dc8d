package import Checkpoint
package import Experiment
import Protocol
package import Scheduling
import Selection
import StudyFile
import Tensors

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

    /// Kinds of work in bytes of the worker that holds most, the largest last; kinds of which nothing is left to compute are
    /// left out.
    package func phases() -> [Phase] {
        var phases: [Phase] = []
        let kinds = Set(work.steps.filter { !$0.isKnown }.map(\.kind))
        if kinds.contains(.forward) || kinds.contains(.answers) {
            let others = otherBytes
            phases.append(
                phase("answers and likelihoods", copies: ModelPlan.Copies.reading) { reading($0) + mapped(others, $0) })
        }
        if kinds.contains(.scores) {
            phases.append(
                phase(takesMoments ? "scores and second moments" : "scores", copies: scoringCopies) { scoring($0) })
        }
        return (phases + training(kinds) + repairs).sorted { $0.bytes < $1.bytes }
    }

    /// The largest fine-tuning run.
    private func training(_ kinds: Set<Work.Kind>) -> [Phase] {
        guard kinds.contains(.training) || kinds.contains(.lowRankTraining) else { return [] }
        var runs: [Phase] = []
        for case .training(let step) in schedule.conditions.map(\.change) {
            let copies = ModelPlan.Copies.fineTuning(step.training, config)
            runs.append(phase("fine-tuning", copies: copies, onePipeline: true) { training($0, step) })
        }
        return Array(runs.sorted { $0.bytes < $1.bytes }.suffix(1))
    }

    /// What is collected of harmful data in a fine-tuned model, the largest.
    private var repairs: [Phase] {
        var passes: [Phase] = []
        for step in work.steps where step.kind == .collecting && !step.isKnown {
            guard let collected = step.collected else { continue }
            let copies = ModelPlan.Copies.statistics([collected.statistic], config, examples: 1, classes: 1)
            passes.append(
                phase("harmful data", copies: copies) {
                    reading($0) + 2 * collected.byteCount(config, layers: $0.stage.layers)
                })
        }
        return Array(passes.sorted { $0.bytes < $1.bytes }.suffix(1))
    }

    package var peak: Int { phases().last?.bytes ?? 0 }

    // MARK: Parts

    /// A stage of one kind of work's layout.
    private struct Place {
        var stage: Plan.Stage
        /// Stages of its pipeline, and pipelines.
        var stages: Int
        var pipelines: Int
        var isLast: Bool
        var memory: StageMemory
    }

    private var footprint: ModelFootprint { ModelFootprint(config) }
    private var scoringCopies: Double {
        takesMoments ? ModelPlan.Copies.ranks(config) : ModelPlan.Copies.scoring
    }
    /// Second moments are collected on the unedited model.
    private var takesMoments: Bool { schedule.scoring?.rankSides.isEmpty == false }
    private var study: Study { schedule.study }

    /// The program, its libraries and BLAS's buffers.
    private var process: Int { (60 << 20) + workers.threads * (24 << 20) }

    private func phase(
        _ name: String, copies: Double, onePipeline: Bool = false, _ more: (Place) -> Int
    ) -> Phase {
        let layout = pipelines(copies: copies, onePipeline: onePipeline)
        var bytes = 0
        for pipeline in layout {
            for stage in pipeline {
                let isLast = stage.layers.upperBound == config.layerCount
                let place = Place(
                    stage: stage, stages: pipeline.count, pipelines: layout.count, isLast: isLast,
                    memory: StageMemory(
                        config, layers: stage.layers, isLast: isLast, memoryBytes: workers.memoryBytes))
                bytes = max(bytes, process + weights(place) + more(place))
            }
        }
        return Phase(name: name, bytes: bytes)
    }

    /// The file's pages that were read count, too.
    private func weights(_ place: Place) -> Int { mapped(fileBytes, place) + place.memory.weightBytes }

    /// A stage's share of a file that has all weights.
    private func mapped(_ bytes: Int, _ place: Place) -> Int {
        let all = footprint.residentBytes(layers: config.layerCount, isLast: true)
        return Int(Double(bytes) * Double(place.memory.residentBytes) / Double(all))
    }

    /// Other checkpoints, and files of directions, that an edit's weights are made of, the largest.
    private var otherBytes: Int {
        let open = Set(work.steps.filter { $0.kind == .rewriting && !$0.isKnown }.compactMap(\.condition))
        var most = 0
        for step in schedule.conditions where open.contains(step.name) {
            most = max(most, step.condition.method.cost.files.reduce(0) { $0 + Self.bytes(of: $1) })
        }
        return most
    }

    private static func bytes(of path: String) -> Int {
        if let checkpoint = try? Checkpoint.open(path) { return checkpoint.fileBytes }
        return Files.byteCount(path) ?? 0
    }

    private func longest(_ kinds: Set<Work.Kind>) -> Work.Task {
        work.steps.filter { !$0.isKnown && kinds.contains($0.kind) }.flatMap(\.tasks).reduce(Work.Task()) {
            Work.Task(
                tokens: max($0.tokens, $1.tokens), scored: max($0.scored, $1.scored), steps: max($0.steps, $1.steps),
                rows: max($0.rows, $1.rows))
        }
    }

    private func reading(_ place: Place) -> Int {
        let forward = longest([.forward, .collecting])
        let perToken = footprint.activationBytesPerToken
        let batch =
            perToken * min(forward.tokens, study.batchTokens)
            + (place.isLast ? footprint.logitBytes(rows: forward.scored) : 0)
        var answers = 0
        for step in work.steps where step.kind == .answers && !step.isKnown {
            for task in step.tasks {
                let turns = max(1, task.steps)
                let perTurn = turns / max(1, (task.scored + max(1, task.rows) - 1) / max(1, task.rows))
                let capacity = task.tokens / max(1, task.scored) + perTurn
                let cache = footprint.cacheBytesPerToken * task.rows * capacity * place.stage.layers.count
                answers = max(
                    answers,
                    cache + perToken * min(task.tokens, ModelFootprint.prefillTokens)
                        + (place.isLast ? footprint.logitBytes(rows: task.rows) : 0))
            }
        }
        // As on a worker that has oneDNN.
        let packed = place.memory.packsWeights ? place.memory.residentBytes : 0
        // A finished group's buffers wait for the next one's.
        return max(batch, answers) + min(batch, answers) + packed + collected(place)
    }

    /// What statistics that only read keep of a block: rows for its examples, or sums.
    private func collected(_ place: Place) -> Int {
        var bytes = 0
        for step in work.steps where step.kind == .forward && !step.isKnown {
            guard let collected = step.collected else { continue }
            let copies = Self.blocksAtOnce(step.tasks.count, place)
            bytes = max(bytes, copies * collected.byteCount(config, layers: place.stage.layers))
        }
        return bytes
    }

    /// The next block begins while the last one's result is on its way.
    private static func blocksAtOnce(_ blocks: Int, _ place: Place) -> Int { blocks > place.pipelines ? 2 : 1 }

    private func scoring(_ place: Place) -> Int {
        let extent = StatisticExtent(layers: place.stage.layers)
        let sums = study.scores.statistics.reduce(0) { $0 + $1.byteCount(config, extent) }
        let blocks = work.steps.filter { $0.kind == .scores && !$0.isKnown }.flatMap(\.tasks).count
        var moments = 0
        if takesMoments {
            moments = SecondMoments().byteCount(config, extent) * 2
        }
        return Self.blocksAtOnce(blocks, place) * (sums + moments / 2) + moments / 2
            + backward(place, [.scores], .scoring)
    }

    /// Activations of a batch and what the head makes of it.
    private func backward(_ place: Place, _ kinds: Set<Work.Kind>, _ purpose: StageMemory.Purpose) -> Int {
        let task = longest(kinds)
        let tokens = min(task.tokens, study.batchTokens)
        let held = place.memory.backwardBytes(tokens: tokens, stages: place.stages, purpose)
        // Batches differ in length: buffers of the others' sizes wait in the pool.
        let idle = min(held / 2, place.memory.idleBytes)
        return held + idle + (place.isLast ? footprint.logitBytes(rows: min(task.scored, tokens)) : 0)
    }

    /// Gradients and two moments beside the weights; of matrices beside the linear maps these, too.
    private func training(_ place: Place, _ step: TrainingStep) -> Int {
        let layers = place.stage.layers.count
        if let lora = step.training.lora {
            return 5 * 4 * ModelPlan.Copies.weightCount(lora, config) * layers
                + backward(place, [.lowRankTraining], .lowRankTraining)
        }
        let takesHead = step.training.parameters == .all && place.isLast
        return 3 * footprint.residentBytes(layers: layers, isLast: takesHead)
            + backward(place, [.training], .training)
    }
}
