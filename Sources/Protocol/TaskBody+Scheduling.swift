/// What a task's kind says about how it is run: how many steps it takes, how many of its kind a pipeline holds, and whether
/// it may be given to two pipelines.
extension TaskBody {
    /// Steps of progress: batches; for answers, decoding steps at most (answers that end early end it sooner).
    public var progressSteps: Int {
        switch self {
        case .score(_, let batches), .likelihood(let batches), .nextTokens(let batches, _): batches.count
        case .train(let training): training.microBatches
        case .generate(let generation):
            (generation.prompts.count + generation.slots - 1) / max(1, generation.slots) * generation.maxNewTokens
        case .export, .checkpoint, .ranks: 0
        }
    }

    /// The same where it is known beforehand; `nil`: answers end when they end.
    public var knownSteps: Int? {
        if case .generate = self { nil } else { progressSteps }
    }

    /// How many forward packets the runtime injects at the first stage.
    public var sourceCount: Int {
        if case .generate = self { 1 } else { progressSteps }
    }

    /// Source packet `index` may enter only after all packets before the returned index are retired at the first stage
    /// (an optimiser step must be over before the next begins).
    public func barrier(before index: Int) -> Int {
        guard case .train(let training) = self else { return 0 }
        var start = 0
        for step in training.steps {
            if index < start + step.count { return start }
            start += step.count
        }
        return start
    }

    /// Whether its result stands for nothing but itself, so that two pipelines may compute it at once: what was trained is
    /// in one pipeline only.
    public var mayRunTwice: Bool {
        switch self {
        case .score, .likelihood, .nextTokens, .generate, .ranks: true
        case .train, .export, .checkpoint: false
        }
    }

    /// Whether it changes the weights of the pipeline it runs on.
    public var isTraining: Bool {
        if case .train = self { true } else { false }
    }

    /// Most tasks of its kind that a pipeline of several stages holds so that its stages stay busy; scoring keeps an
    /// accumulator a task, hence few.
    public func pipelineDepth(stages: Int) -> Int {
        switch self {
        case .score: 2
        case .likelihood, .nextTokens, .generate, .ranks: stages + 1
        case .train, .export, .checkpoint: 1
        }
    }
}

extension TaskBody.Training {
    /// Of all steps.
    public var microBatches: Int { steps.reduce(0) { $0 + $1.count } }
}
