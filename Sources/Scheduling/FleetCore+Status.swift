import Protocol

/// What those who look on are told: the pipelines with their stages, and who waits for what and why.
extension FleetCore {
    package func progress(now: Double) -> FleetProgress {
        var progress = FleetProgress()
        if let scheduler {
            (progress.tasksDone, progress.tasks) = (scheduler.doneCount, scheduler.count)
            (progress.costDone, progress.cost) = (scheduler.costDone, scheduler.totalCost)
            for (epoch, pipeline) in pipelines {
                guard let beat = pipeline.placements.first.flatMap({ membership[$0.worker]?.beat }) else { continue }
                for task in scheduler.running(on: epoch) {
                    let batches = scheduler.batchCount(of: task)
                    guard batches > 0, let retired = beat.retired[key(epoch, task).task] else { continue }
                    progress.costDone += scheduler.cost(of: task) * min(1, Double(retired) / Double(batches))
                }
            }
        }
        let places = self.places
        for member in membership.members.values.sorted(by: { $0.id < $1.id }) {
            var state = "spare"
            var running: [String] = []
            if let place = places[member.id] {
                let placement = place.placement
                state =
                    "layers \(placement.layers.lowerBound)-\(placement.layers.upperBound - 1) of pipeline \(place.number)"
                running = (scheduler?.running(on: place.epoch) ?? []).map { scheduler!.name(of: $0) }
                if !placement.loaded { state += " (loading)" }
            }
            progress.workers.append(
                FleetProgress.Worker(
                    name: member.name, host: member.capabilities.host, pid: member.capabilities.pid, state: state,
                    steps: member.beat.steps, running: running,
                    silent: max(0, now - member.lastHeard), busy: member.beat.busySeconds))
        }
        describe(&progress, now: now)
        progress.remarks = remarks
        return progress
    }

    /// A worker's place in a pipeline.
    struct Place: Sendable {
        /// From 1, in the order of their making.
        var number: Int
        var epoch: UInt64
        /// From 0.
        var stage: Int
        var placement: StagePlacement
    }

    /// By worker.
    var places: [Int: Place] {
        var places: [Int: Place] = [:]
        for (number, (epoch, pipeline)) in pipelines.sorted(by: { $0.key < $1.key }).enumerated() {
            for (stage, placement) in pipeline.placements.enumerated() {
                places[placement.worker] = Place(number: number + 1, epoch: epoch, stage: stage, placement: placement)
            }
        }
        return places
    }

    /// `nil` where answers decide how many steps it takes.
    func knownBatchCount(of task: Int) -> Int? {
        scheduler?.body(of: task).knownSteps
    }

    /// Adds to a progress whose workers are in it, in id order.
    func describe(_ progress: inout FleetProgress, now: Double) {
        let places = places
        let running = Set(pipelines.keys.flatMap { scheduler?.running(on: $0) ?? [] }).count
        progress.tasksRunning = running
        progress.tasksWaiting = max(0, progress.tasks - progress.tasksDone - running)
        progress.counts = tally.counts
        progress.idle = tally.lastProgress.map { max(0, now - $0) }
        progress.phase = phase
        for (index, member) in membership.members.values.sorted(by: { $0.id < $1.id }).enumerated() {
            let place = places[member.id]
            let (activity, waits) = doing(member, place, progress, now: now)
            progress.workers[index].activity = activity
            progress.workers[index].waits = waits
            progress.workers[index].pipeline = place?.number ?? 0
            progress.workers[index].stage = place.map { $0.stage + 1 } ?? 0
            progress.workers[index].batches = tally.batches(of: member.id)
            progress.workers[index].rate = tally.rate(of: member.id, now: now)
            progress.workers[index].threads = member.capabilities.threads
            progress.workers[index].memoryBytes = member.capabilities.memoryBytes
        }
        for (number, (epoch, pipeline)) in pipelines.sorted(by: { $0.key < $1.key }).enumerated() {
            let tasks = scheduler?.running(on: epoch) ?? []
            let stages = pipeline.placements.map { placement in
                let beat = membership[placement.worker]?.beat
                return FleetProgress.Stage(
                    worker: membership[placement.worker]?.name ?? "", firstLayer: placement.layers.lowerBound,
                    lastLayer: placement.layers.upperBound - 1,
                    tasks: tasks.map { task in
                        FleetProgress.Share(
                            name: scheduler!.name(of: task), done: beat?.retired[key(epoch, task).task] ?? 0,
                            batches: knownBatchCount(of: task) ?? 0)
                    })
            }
            progress.pipelines.append(
                FleetProgress.Pipeline(number: number + 1, isReady: pipeline.isReady, stages: stages))
        }
        progress.waits = waits(progress)
    }

    private var phase: FleetProgress.Phase {
        if scheduler != nil { return .working }
        if awaitingReady { return .loading }
        return model == nil && membership.members.count < (policy.localWorkers ?? policy.awaited)
            ? .joining : .between
    }

    private func waits(_ progress: FleetProgress) -> [String] {
        let wanted = policy.localWorkers ?? policy.awaited
        let count = membership.members.count
        if progress.phase == .joining {
            return ["waits for \(wanted - count) more of \(wanted) worker\(wanted == 1 ? "" : "s") to join"]
        }
        guard progress.tasksWaiting > 0 else { return [] }
        let tasks = "\(progress.tasksWaiting) task\(progress.tasksWaiting == 1 ? " waits" : "s wait")"
        if !pipelines.values.contains(where: \.isReady) { return ["\(tasks): no pipeline is ready yet"] }
        if progress.tasksRunning == 0 { return ["\(tasks): results before them are being written"] }
        return ["\(tasks): the pipelines have as many as they take at a time"]
    }

    private func doing(
        _ member: FleetWorker, _ place: Place?, _ progress: FleetProgress, now: Double
    ) -> (FleetProgress.Activity, String) {
        let silent = now - member.lastHeard
        if silent > 5 {
            return (.silent, "silent for \(Int(silent)) s; given up after \(Int(policy.lease)) s")
        }
        guard let place, let pipeline = pipelines[place.epoch] else { return (.spare, spareReason) }
        let layers = "layers \(place.placement.layers.lowerBound) to \(place.placement.layers.upperBound - 1)"
        if !place.placement.loaded { return (.loading, "loads \(layers)") }
        if !place.placement.edited { return (.loading, "changes the weights of \(layers)") }
        if let other = pipeline.placements.first(where: { !$0.loaded || !$0.edited }) {
            let name = membership[other.worker]?.name ?? "a worker"
            return (.waiting, "waits for \(name), which \(other.loaded ? "changes" : "loads") its weights")
        }
        guard let scheduler else {
            let others = awaitingReady ? "for other pipelines to load the model" : "for the study's next step"
            return (.waiting, "waits \(others)")
        }
        if scheduler.running(on: place.epoch).isEmpty {
            guard progress.tasksWaiting > 0 else {
                return (.waiting, "waits: the tasks that are left are all under way elsewhere")
            }
            return (.waiting, "waits for a task: \(reasonWithoutTask)")
        }
        // A beat is a moment; between two of them it may have been busy all along.
        if member.beat.busySeconds > 0 || tally.isMoving(member.id) { return (.computing, "") }
        if place.stage == 0 {
            guard pipeline.placements.count > 1 else { return (.waiting, "waits for its task to arrive") }
            let name = membership[pipeline.placements[1].worker]?.name ?? "the next stage"
            return (.waiting, "waits for \(name) to be done with batches it was sent")
        }
        let name = membership[pipeline.placements[place.stage - 1].worker]?.name ?? "the stage before"
        return (.waiting, "waits for batches of \(name)")
    }

    private var reasonWithoutTask: String {
        "those that are left follow others that are not done, or too many results are ahead of the writing"
    }

    private var spareReason: String {
        guard let model else { return "waits for the study's first step" }
        if let count = policy.pipelines { return "spare: --pipelines \(count) needs no more workers" }
        if model.preferOnePipeline { return "spare: fine-tuning takes one pipeline" }
        return "spare: takes the place of a worker that is lost"
    }
}
