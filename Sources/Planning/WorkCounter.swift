package import Caching
package import Checkpoint
import Datasets
import Evaluation
package import Experiment
import ModelService
import Protocol
import Selection
import StudyFile
import Tensors

/// Counts the work of a schedule's steps. Answers are taken to be as long as they may be, unless the cache knows them.
package struct WorkCounter {
    let schedule: StudySchedule
    private let model: any WeightSource
    private let cache: ResultCache?
    private let keys: CacheKeys?
    /// What steps so far make: studies of a list have these in common.
    private var made: Set<String>
    var steps: [Work.Step] = []
    var data: [Study.Side: Examples] = [:]
    /// Conditions that leave nothing to compute.
    var known: Set<String> = []
    /// What the unedited model, and what every other, is asked: a digest of it, and the work of rating the answers.
    private var asked: [Bool: String] = [:]
    private var ratings: [Bool: [Work.Task]] = [:]

    /// A data set's examples: real ones, or stand-ins for what only the model's answers tell.
    struct Examples {
        /// What the examples are known by.
        var name: String
        var groups: [SequenceGroup]
        /// `nil`: not known yet.
        var pairs: [Pair]?
    }

    var study: Study { schedule.study }
    var config: ModelConfig { model.config }
    var modelDigest: String { keys?.modelDigest ?? "" }
    private var store: ScoreComputation {
        study.scoreComputation(
            model, modelDigest: modelDigest, codec: schedule.codec, kernels: keys?.kernels)
    }

    /// - Parameters:
    ///   - cache, keys: what earlier studies computed; `nil`: nothing is known.
    ///   - made: by studies that run before this one, and, after `count`, by this one.
    /// - Throws: `InputError`, `PackingError`: what the study's data do not allow.
    package static func count(
        _ schedule: StudySchedule, model: any WeightSource, cache: ResultCache? = nil, keys: CacheKeys? = nil,
        made: inout Set<String>
    ) throws -> Work {
        var counter = WorkCounter(schedule, model: model, cache: cache, keys: keys, made: made)
        for step in schedule.steps { try counter.count(step) }
        made = counter.made
        return Work(counter.steps)
    }

    private init(
        _ schedule: StudySchedule, model: any WeightSource, cache: ResultCache?, keys: CacheKeys?, made: Set<String>
    ) {
        (self.schedule, self.model) = (schedule, model)
        (self.cache, self.keys, self.made) = (cache, keys, made)
    }

    private mutating func count(_ step: StudySchedule.Step) throws {
        switch step {
        // The coordinator makes these alone, in seconds.
        case .scoresWithoutData, .overlap, .layerCurves: break
        case .pairs(let step): data[step.side] = try examples(step)
        case .scores(let step): try count(step)
        case .probe(let step):
            let request = HeadProber.request(step.batches, output: "")
            var outputs = Work.Step(
                "head outputs", .forward, Self.tasks(step.batches), isKnown: try isKnown(request))
            outputs.collected = Work.Collected(HeadOutput(), blocks: step.batches.map { [$0] })
            steps.append(outputs)
        case .statistic(let step): try count(step)
        case .direction(let step): try count(step)
        case .layerRange(let step): try count(step)
        case .reasoning(let step): try count(step)
        case .condition(let step): try count(step)
        case .ratings(let conditions):
            for step in conditions { try countRating(step) }
        }
    }

    /// Whether a step before makes this, and from now on one does.
    mutating func isMade(_ name: String) -> Bool { !made.insert(name).inserted }

    // MARK: Calibration

    private mutating func examples(_ step: PairStep) throws -> Examples {
        switch step.content {
        case .read(let pairs): return try examples(pairs)
        case .answered(let request):
            let name = try "\(request.groups.map { try TaskBody.generate($0).digest() }) \(step.selection)"
            guard let answers = answers(request.groups, of: "unedited") else {
                steps.append(
                    .init(
                        step.label, .answers, request.groups.map { Self.task($0) },
                        isKnown: isMade("answers unedited \(name)")))
                return Examples(name: name, groups: step.standIns(request))
            }
            steps.append(.init(step.label, .answers, [], isKnown: true))
            return try examples(step.pairs(request, answers).pairs)
        }
    }

    private func examples(_ pairs: [Pair]) throws -> Examples {
        Examples(
            name: try CacheKeys.digest(pairs, codec: schedule.codec),
            groups: try Calibration.groups(pairs, codec: schedule.codec), pairs: pairs)
    }

    private mutating func count(_ step: ScoreStep) throws {
        var tasks: [Work.Task] = []
        var bytes = 0
        var open: [ScoreStep.Part] = []
        for part in step.parts {
            guard let examples = data[part.side] else { continue }
            let inputs =
                "\(examples.name) \(study.scores.method) \(study.scores.loss) \(study.blockExamples) \(study.batchTokens)"
            let scores = try part.scores && !isMade("scores \(inputs)") && !isCached(examples.pairs, moments: false)
            let moments = try part.subspaces && !isMade("ranks \(inputs)") && !isCached(examples.pairs, moments: true)
            guard scores || moments else { continue }
            open.append(.init(side: part.side, scores: scores, subspaces: moments))
            tasks += try blocks(part.side, scores: scores, moments: moments)
            bytes = max(
                bytes,
                (scores ? study.scores.byteCount(config) : 0) + (moments ? SecondMoments().byteCount(config) : 0))
        }
        steps.append(.init("scores and second moments", .scores, tasks, bytes: bytes, isKnown: open.isEmpty))
        let found = open.filter(\.subspaces)
        if !found.isEmpty { steps.append(.init("subspaces", .subspaces, found.map { _ in .init() })) }
    }

    /// The tasks of one pass over a data set.
    private func blocks(_ side: Study.Side, scores: Bool, moments: Bool, layer: Int? = nil) throws -> [Work.Task] {
        let request = try store.request(
            side.rawValue, data[side]?.groups ?? [], scores: scores, moments: moments, layer: layer,
            blockExamples: study.blockExamples, batchTokens: study.batchTokens, output: "")
        return request.blocks.map { block in
            Self.tasks(block).reduce(Work.Task()) {
                Work.Task(tokens: $0.tokens + $1.tokens, scored: $0.scored + $1.scored)
            }
        }
    }

    private func isCached(_ pairs: [Pair]?, moments: Bool) throws -> Bool {
        guard let cache, let keys, let pairs else { return false }
        let cut = ScoreComputation.cut(blockExamples: study.blockExamples, batchTokens: study.batchTokens)
        let provenance =
            moments
            ? SubspaceComputation.provenance(try store.momentProvenance(pairs, cut), nil)
            : try store.provenance(pairs, cut)
        return cache.has(keys.key("file", provenance))
    }

    private mutating func count(_ step: StatisticStep) throws {
        let provenance = try step.provenance(modelDigest: modelDigest)
        let isCached = keys.map { cache?.has($0.key("file", provenance)) ?? false } ?? false
        let classes = step.plan.request.classes
        let extent = StatisticExtent(layers: 0..<config.layerCount, examples: study.blockExamples, classes: classes)
        let statistic = try step.plan.request.statistic()
        var collecting = Work.Step(
            step.label, .forward, Self.tasks(blocks: step.blocks), bytes: statistic.byteCount(config, extent),
            isKnown: isMade("statistic \(provenance.sorted { $0.key < $1.key })") || isCached)
        collecting.collected = Work.Collected(statistic, blocks: step.blocks, classes: classes)
        steps.append(collecting)
    }

    // MARK: Conditions

    private mutating func count(_ step: ConditionStep) throws {
        if let defence = step.defence { return try count(step, defence) }
        let (name, questions) = (step.name, step.questions)
        let editKey = step.isUnedited ? "unedited" : editKey(step.condition)
        let weights = step.isUnedited ? "unedited" : editKey.flatMap { known(editKey: $0) }
        let isCached = weights.map { answers(questions.groups, of: $0) != nil } ?? false
        let symbol = try editKey ?? weightsName(step)
        // The unedited model, which comes first, was asked the same.
        let isUnchanged = step.condition.method.cost.changesNothing
        if try isMade("\(symbol) \(digest(step))") || isCached || isUnchanged { known.insert(name) }
        let isKnown = known.contains(name)
        if !isKnown { try countChange(step) }
        if !questions.groups.isEmpty {
            steps.append(
                .init("answers", of: name, .answers, questions.groups.map { Self.task($0) }, isKnown: isKnown))
        }
        if !questions.batches.isEmpty {
            steps.append(
                .init(
                    "tasks and perplexity", of: name, .forward, Self.tasks(questions.batches), isKnown: isKnown))
        }
        for var more in Self.firstTokens(questions.firstTokens, vocabulary: config.vocabularySize) {
            more.condition = name
            more.isKnown = isKnown
            steps.append(more)
        }
        if step.isExported {
            steps.append(.init("writing the model", of: name, .export, [], bytes: 2 * config.parameterCount))
        }
    }

    private mutating func digest(_ step: ConditionStep) throws -> String {
        if let digest = asked[step.isUnedited] { return digest }
        let parts =
            try step.questions.groups.map { try TaskBody.generate($0).digest() }
            + step.questions.batches.map { try TaskBody.likelihood(batches: [$0]).digest() }
            + step.questions.firstTokens.all.map { try TaskBody.nextTokens(batches: [$0], tokens: nil).digest() }
        let digest = Digest.sha256(Array(parts.joined(separator: "\n").utf8))
        asked[step.isUnedited] = digest
        return digest
    }

    private mutating func countChange(_ step: ConditionStep) throws {
        let name = step.name
        var moments = false
        switch step.change {
        case .none, .another: return
        case .antidote(let antidote): count(antidote, of: name)
        case .scans(let scans): try count(scans, of: name)
        case .mask: steps.append(.init("selection", of: name, .selection, [.init()]))
        case .edit: count(step.condition.method.cost, of: name)
        case .lowRank:
            moments = true
            steps.append(.init("factors", of: name, .factors, [.init()]))
        case .training(let training):
            // Conditions that differ in what is rewound share a training.
            let restriction = training.settings.training.restriction
            guard try !isMade("training \(trained(training, restriction))") else { return }
            steps.append(
                .init(
                    "fine-tuning", of: name, training.training.lora == nil ? .training : .lowRankTraining,
                    Self.tasks(Array(training.training.steps.joined()))))
        }
        guard !step.blockSides.isEmpty else { return }
        for side in step.blockSides {
            for layer in 0..<config.layerCount {
                // Only the block in question is differentiated, but the data run through all before it.
                steps.append(
                    .init(
                        "a block", of: name, .forward,
                        try blocks(side, scores: !moments, moments: moments, layer: layer)))
            }
        }
    }

    /// Answers as long as they may be, as the unedited model rates them.
    private mutating func countRating(_ step: ConditionStep) throws {
        if let defence = step.defence { return try countRating(step, defence) }
        let answers = schedule.evaluator.standIns(step.questions)
        guard !answers.isEmpty else { return }
        let tasks = try ratings[step.isUnedited] ?? Self.tasks(schedule.evaluator.rating(of: answers).batches)
        ratings[step.isUnedited] = tasks
        steps.append(.init("coherence", of: step.name, .forward, tasks, isKnown: known.contains(step.name)))
    }

    // MARK: What is known

    /// All answers, where the cache has them.
    func answers(_ groups: [TaskBody.Generation], of weights: String) -> [[Int32]]? {
        guard let cache, let keys, !groups.isEmpty else { return nil }
        var all: [[Int32]] = []
        for group in groups {
            guard let digest = try? TaskBody.generate(group).digest(),
                let bytes = cache.bytes(keys.key("answers", [weights, digest])),
                let lists = CachedValues.lists(bytes)
            else { return nil }
            all += lists
        }
        return all
    }

    /// Whether a step before collects this of the unedited model, or the cache has it.
    /// - Throws: `ProtocolError` where a block is too large to be sent.
    mutating func isKnown(_ request: ScoreRequest) throws -> Bool {
        let name = try request.blocks.map { try TaskBody.score(statistics: request.statistics, batches: $0).digest() }
        let isCached = try keys.map { try cache?.has($0.key(request, of: "unedited")) ?? false } ?? false
        return isMade("collected \(name)") || isCached
    }

    /// Whether a step before searches this, or the cache has all that the search asks.
    mutating func isKnown(search words: String) -> Bool {
        let isCached = keys.map { cache?.has($0.key("search", [words])) ?? false } ?? false
        return isMade(words) || isCached
    }

    func editKey(_ condition: Study.Condition) -> String? {
        try? schedule.editKey(condition, modelDigest: modelDigest, data: { side in data[side]?.name })
    }

    func known(editKey: String) -> String? {
        guard let cache, let keys else { return nil }
        return cache.bytes(keys.key("recipe", [editKey])).map { String(decoding: $0, as: UTF8.self) }
    }
}
