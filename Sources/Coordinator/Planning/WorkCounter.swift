package import Checkpoint
import Evaluation
import Protocol
import Selection
import Tensors

/// Counts a study's work from its real files and tokens. Answers are taken to be as long as they may be, unless the cache
/// knows them.
package struct WorkCounter {
    private let study: Study
    private let model: any WeightSource
    private var config: ModelConfig { model.config }
    private let evaluator: Evaluator
    private let codec: any TextCodec
    private let files: DataFiles
    private let cache: ResultCache?
    private let keys: CacheKeys?
    /// What steps so far make: studies of a list have these in common.
    private var made: Set<String>
    private var steps: [Work.Step] = []
    /// What each side's pairs are known by, and their token counts.
    private var data: [Study.Side: (name: String, examples: [Work.Task], pairs: [Pair]?)] = [:]

    /// - Parameters:
    ///   - cache, keys: what earlier studies computed; `nil`: nothing is known.
    ///   - made: by studies that run before this one, and, after `count`, by this one.
    package static func count(
        _ study: Study, model: any WeightSource, evaluator: Evaluator, codec: any TextCodec,
        files: DataFiles = DataFiles(),
        cache: ResultCache? = nil, keys: CacheKeys? = nil, made: inout Set<String>
    ) throws -> Work {
        var counter = WorkCounter(
            study: study, model: model, evaluator: evaluator, codec: codec, files: files, cache: cache, keys: keys,
            made: made)
        try counter.calibrate()
        try counter.probe()
        try counter.conditions()
        made = counter.made
        return Work(counter.steps)
    }

    private init(
        study: Study, model: any WeightSource, evaluator: Evaluator, codec: any TextCodec, files: DataFiles,
        cache: ResultCache?, keys: CacheKeys?, made: Set<String>
    ) {
        (self.study, self.model, self.evaluator, self.codec) = (study, model, evaluator, codec)
        self.files = files
        (self.cache, self.keys, self.made) = (cache, keys, made)
    }

    /// Whether a step before makes this, and from now on one does.
    private mutating func isMade(_ name: String) -> Bool { !made.insert(name).inserted }

    // MARK: Calibration

    private mutating func calibrate() throws {
        let sequential = study.conditions.filter(\.isSequential)
        let rankSides = study.rankSides
        guard let source = study.calibration else { return }
        let scores = study.needsScores && study.scores.method.needsData
        let sources = [(Study.Side.safety, source.safety), (.utility, source.utility)].filter { side, _ in
            scores || rankSides.contains(side) || sequential.contains { study.sides(of: $0).contains(side) }
        }
        for (side, source) in sources { data[side] = try pairs(source, side) }
        let weights = WeightScores.maps(of: config).reduce(0) { $0 + $1.count }
        var tasks: [Work.Task] = []
        var (bytes, known) = (0, true)
        for (side, _) in sources where scores || rankSides.contains(side) {
            let data = data[side]!
            let words =
                "\(data.name) \(study.scores.method) \(study.scores.loss) \(study.blockExamples) \(study.batchTokens)"
            let hasScores = try !scores || isMade("scores \(words)") || isCached(data.pairs, moments: false)
            let hasRanks =
                try !rankSides.contains(side) || isMade("ranks \(words)") || isCached(data.pairs, moments: true)
            guard !hasScores || !hasRanks else { continue }
            known = false
            tasks += blocks(data.examples)
            bytes = max(
                bytes,
                (hasScores ? 0 : study.scores.method == .wanda ? 0 : 4 * weights)
                    + (hasRanks ? 0 : SecondMoments.byteCount(config)))
        }
        if scores || !rankSides.isEmpty {
            steps.append(.init("scores and second moments", .scores, tasks, bytes: bytes, isKnown: known))
        }
        if !rankSides.isEmpty, !known { steps.append(.init("subspaces", .subspaces, rankSides.map { _ in .init() })) }
    }

    private func blocks(_ examples: [Work.Task]) -> [Work.Task] {
        stride(from: 0, to: examples.count, by: study.blockExamples).map { start in
            examples[start..<min(examples.count, start + study.blockExamples)].reduce(Work.Task()) {
                Work.Task(tokens: $0.tokens + $1.tokens, scored: $0.scored + $1.scored)
            }
        }
    }

    private func isCached(_ pairs: [Pair]?, moments: Bool) throws -> Bool {
        guard let cache, let keys, let pairs else { return false }
        let store = ScoreStore(
            model: model, settings: study.scores, seed: study.seed, modelDigest: keys.modelDigest,
            modelName: study.modelName, codec: codec)
        let cut = ScoreStore.cut(blockExamples: study.blockExamples, batchTokens: study.batchTokens)
        let words =
            moments ? RankStore.words(try store.momentWords(pairs, cut), nil) : try store.words(pairs, cut)
        return cache.has(keys.key("file", words))
    }

    private mutating func pairs(
        _ source: Study.PairSource, _ side: Study.Side
    ) throws -> (name: String, examples: [Work.Task], pairs: [Pair]?) {
        switch source {
        case .pairs(let file, let samples):
            let pairs = try Sampling.sample(
                try files.pairs(file), count: samples, seed: study.seed, name: side.rawValue, source: file)
            return ("\(source) \(study.seed)", try examples(pairs), pairs)
        case .answers(let file, let limit, let keep, let samples, let maxNewTokens):
            let prompts = try Sampling.sample(
                try files.prompts(file), count: limit, seed: study.seed, name: "\(side.rawValue) prompts",
                source: file)
            let own = OwnAnswers(
                codec: codec, judge: try JudgeFile.judges(phrases: study.refusalPhrases, files).own, seed: study.seed,
                slots: study.evaluation.slots,
                groupPrompts: study.evaluation.groupPrompts)
            let groups = try own.groups(prompts, source: file, maxNewTokens: maxNewTokens)
            let known = answers(groups, of: "unedited")
            let name = try "\(groups.map { try TaskBody.generate($0).digest() }) \(keep) \(samples ?? 0)"
            if let known {
                steps.append(.init("own answers (\(side.rawValue))", .answers, [], isKnown: true))
                let kept = try own.kept(prompts, known, source: file, keep: keep)
                let pairs = try Sampling.sample(
                    kept, count: samples.map { min($0, kept.count) }, seed: study.seed, name: side.rawValue,
                    source: file)
                return (name, try examples(pairs), pairs)
            }
            steps.append(
                .init(
                    "own answers (\(side.rawValue))", .answers, groups.map { Self.task($0) },
                    isKnown: isMade("answers unedited \(name)")))
            let count = min(samples ?? prompts.count, prompts.count)
            let mean = groups.flatMap(\.prompts).reduce(0) { $0 + $1.count } / max(1, prompts.count)
            return (
                name, Array(repeating: .init(tokens: mean + maxNewTokens, scored: maxNewTokens), count: count), nil
            )
        }
    }

    private func examples(_ pairs: [Pair]) throws -> [Work.Task] {
        try Calibration.groups(pairs, codec: codec).map { group in
            group.sequences.reduce(Work.Task()) {
                Work.Task(
                    tokens: $0.tokens + $1.tokens.count, scored: $0.scored + $1.tokens.count - $1.scoredFrom)
            }
        }
    }

    private mutating func probe() throws {
        guard let settings = study.probe else { return }
        let prompts =
            try settings.harmful.read(seed: study.seed, name: "probe harmful", files)
            + settings.harmless.read(seed: study.seed, name: "probe harmless", files)
        let sequences = try prompts.map { text in
            let tokens = try codec.prompt(text)
            return Protocol.Sequence(tokens: tokens, scoredFrom: tokens.count)
        }
        let groups = SequenceGroup.sharingPrefix(sequences, name: "prompts", maximumTokens: study.batchTokens)
        let batches = try BatchPacking.pack(groups, maximumTokens: study.batchTokens, letsLargeAlone: true)
        steps.append(
            .init("head outputs", .forward, Self.tasks(batches), isKnown: isMade("heads \(prompts.hashValue)")))
    }

    // MARK: Conditions

    private mutating func conditions() throws {
        let own = evaluator.generationGroups()
        let calibration = evaluator.calibrationGroups()
        let batches = try evaluator.likelihoodBatches()
        let asked = try Digest.sha256(
            Array(
                "\(try own.map { try TaskBody.generate($0).digest() }) \(batches.count) \(batches.first.map { try TaskBody.likelihood(batches: [$0]).digest() } ?? "")"
                    .utf8))
        let rating = rated()
        for condition in study.workOrder {
            let isUnedited = condition.method == .unedited
            let recipe = isUnedited ? "unedited" : recipe(condition)
            let weights = isUnedited ? "unedited" : recipe.flatMap { known(recipe: $0) }
            let groups = own + (isUnedited ? calibration : [])
            let isKnown = weights.map { answers(groups, of: $0) != nil } ?? false
            let symbol = recipe ?? condition.method.weightsName
            let again = isMade("\(symbol) \(asked)") || isKnown
            if !isUnedited, !again { edit(condition) }
            let name = condition.name
            if !groups.isEmpty {
                steps.append(.init("\(name): answers", .answers, groups.map { Self.task($0) }, isKnown: again))
            }
            if !batches.isEmpty {
                steps.append(
                    .init("\(name): tasks and perplexity", .forward, Self.tasks(batches), isKnown: again))
            }
            if !groups.isEmpty { steps.append(.init("\(name): coherence", .forward, rating, isKnown: again)) }
            if study.export.contains(name) {
                steps.append(.init("\(name): writing the model", .export, [], bytes: Int(2 * ModelCost(config).linear)))
            }
        }
    }

    private mutating func edit(_ condition: Study.Condition) {
        let name = condition.name
        switch condition.method {
        case .unedited: break
        case .fineTune(let settings):
            guard !isMade("training \(settings.training)"), let tasks = try? training(settings) else { return }
            steps.append(.init("\(name): fine-tuning", .training, tasks))
        case .lowRank: steps.append(.init("\(name): factors", .factors, [.init()]))
        case .random, .setDifference, .ranked, .heads: steps.append(.init("\(name): selection", .selection, [.init()]))
        }
        guard condition.isSequential else { return }
        for side in study.sides(of: condition) {
            let blocks = blocks(data[side]?.examples ?? [])
            // Only the block in question is differentiated, but the data run through all before it.
            for _ in 0..<config.layerCount { steps.append(.init("\(name): a block", .forward, blocks)) }
        }
    }

    private func training(_ settings: Study.FineTune) throws -> [Work.Task] {
        let pairs = try Sampling.sample(
            try files.pairs(settings.pairs), count: settings.samples, seed: study.seed, name: "finetune",
            source: settings.pairs)
        let plan = try FineTunePlan.training(
            try Calibration.groups(pairs, codec: codec, endOfAnswer: codec.endOfAnswer), settings: settings,
            seed: study.seed, name: "order", batchTokens: settings.batchTokens ?? study.batchTokens)
        return Self.tasks(Array(plan.steps.joined()))
    }

    /// Answers as long as they may be, rated after their prompts.
    private func rated() -> [Work.Task] {
        let tasks = evaluator.generationGroups().map { group in
            let shared = group.prompts.count < 2 ? 0 : CommonPrefix.length(group.prompts, atMost: .max)
            let new = group.prompts.count * group.maxNewTokens
            return Work.Task(
                tokens: shared + group.prompts.reduce(0) { $0 + $1.count - shared } + new, scored: new)
        }
        // They are packed anew, in batches.
        return tasks.flatMap { task in
            let parts = max(1, task.tokens / study.batchTokens)
            return Array(repeating: Work.Task(tokens: task.tokens / parts, scored: task.scored / parts), count: parts)
        }
    }

    // MARK: What is known

    /// All answers, where the cache has them.
    private func answers(_ groups: [TaskBody.Generation], of weights: String) -> [[Int32]]? {
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

    private func recipe(_ condition: Study.Condition) -> String? {
        try? study.recipe(condition) { side in
            guard let data = data[side] else { return nil }
            return try data.pairs.map { try CacheKeys.digest($0, codec: codec) } ?? data.name
        }
    }

    private func known(recipe: String) -> String? {
        guard let cache, let keys else { return nil }
        return cache.bytes(keys.key("recipe", [recipe])).map { String(decoding: $0, as: UTF8.self) }
    }

    // MARK: Tasks

    static func task(_ group: TaskBody.Generation) -> Work.Task {
        let count = group.prompts.count
        let shared =
            count < 2 ? 0 : CommonPrefix.length(group.prompts, atMost: group.prompts.map(\.count).min()! - 1)
        let rows = min(group.slots, max(1, count))
        return Work.Task(
            tokens: shared + group.prompts.reduce(0) { $0 + $1.count - shared }, scored: count,
            steps: (count + rows - 1) / rows * group.maxNewTokens, rows: rows)
    }

    static func tasks(_ batches: [Batch]) -> [Work.Task] {
        batches.map { batch in
            Work.Task(
                tokens: batch.tokenCount,
                scored: batch.sequences.reduce(0) { $0 + $1.tokens.count - $1.scoredFrom })
        }
    }
}
