import Protocol

/// The driver's wishes: a model, an edit, tasks, the end of a run.
extension FleetCore {
    package mutating func use(_ model: ModelPlan) -> [Directive] {
        guard !ending.isAskedFor else { return [.event(.stopped)] }
        self.model = model
        training.forget()
        pipelines = [:]
        editID += 1
        awaitingReady = true
        if membership.members.isEmpty, mayReturn { return [] }
        let resumed = resumePipelines()
        guard pipelines.isEmpty else { return resumed + reform() + advance() }
        guard !membership.members.isEmpty else { return resumed + fail(.noWorkerLeft(last: lastCause)) }
        let free = available(membership.members.keys)
        // Who asked for as many pipelines as there were workers gets fewer when some of these are gone.
        let someAreGone = max(tally.counts.joined, policy.localWorkers ?? 0) > membership.members.count
        return form(free, pipelines: wantedPipelines.map { someAreGone ? min($0, free.count) : $0 }) + advance()
    }

    /// The edit became what fine-tuning has made of the weights: those that hold these need nothing, all others get it.
    package mutating func rebase() -> [Directive] {
        guard training.isHeld, !pipelines.isEmpty else { return newEdit() }
        training.isOnRecord()
        return [.event(.ready)]
    }

    package mutating func newEdit() -> [Directive] {
        guard !ending.isAskedFor else { return [.event(.stopped)] }
        guard !pipelines.isEmpty || mayReturn else { return fail(.noWorkerLeft(last: lastCause)) }
        editID += 1
        training.forget()
        awaitingReady = true
        var directives: [Directive] = []
        for (epoch, pipeline) in pipelines.sorted(by: { $0.key < $1.key }) {
            pipelines[epoch]!.isDeferred = false
            for index in pipeline.placements.indices {
                pipelines[epoch]!.placements[index].edited = false
                if pipeline.placements[index].loaded { directives.append(offer(epoch, index)) }
            }
        }
        return directives + advance()
    }

    package mutating func run(_ tasks: [FleetTask]) -> [Directive] {
        guard !ending.isAskedFor else { return [.event(.stopped)] }
        guard !pipelines.isEmpty || mayReturn else { return fail(.noWorkerLeft(last: lastCause)) }
        if let cause = training.begin(trains: tasks.contains { $0.body.isTraining }) {
            return [.event(.trainingLost(cause))]
        }
        let scheduler = Scheduler(tasks: tasks, minimumGain: policy.minimumGain, now: now)
        hosts.newRun()
        var directives: [Scheduler.Directive] = []
        self.scheduler = scheduler
        let ready = pipelines.filter(\.value.isReady).keys.sorted()
        var takenOver = offerDeferred() + dropSpareWork()
        for epoch in ready { takenOver += takeOver(epoch) }
        for epoch in ready {
            directives += self.scheduler!.pipelineReady(
                epoch, stageCount: pipelines[epoch]!.placements.count, hosts: hostNames(of: pipelines[epoch]!))
        }
        directives += self.scheduler!.start()
        return takenOver + carryOut(directives)
    }

    /// A task's results are on record: its workers may forget them.
    package mutating func onRecord(_ task: Int) -> [Directive] {
        guard let (key, workers) = unrecorded.removeValue(forKey: task) else { return [] }
        return workers.map { .send(worker: $0, .committed(key)) }
    }

    package mutating func acknowledge(_ task: Int) -> [Directive] {
        carryOut(scheduler?.acknowledge(through: task) ?? [])
    }

    /// The run is over (done or failed): what still runs is called off.
    package mutating func endRun(holdsTraining: Bool) -> [Directive] {
        if holdsTraining { training.end() }
        guard let scheduler else { return [] }
        var directives: [Directive] = []
        for (epoch, pipeline) in pipelines {
            for task in scheduler.running(on: epoch) {
                for placement in pipeline.placements {
                    directives.append(.send(worker: placement.worker, .abort(key(epoch, task))))
                }
            }
            if !scheduler.running(on: epoch).isEmpty { directives.append(.dropTransfers(epoch: epoch)) }
        }
        self.scheduler = nil
        for task in unrecorded.keys.sorted() { directives += onRecord(task) }
        names.retire(scheduler.count)
        return directives
    }

    /// Workers that come by themselves may come again.
    var mayReturn: Bool { policy.localWorkers == nil }
}
