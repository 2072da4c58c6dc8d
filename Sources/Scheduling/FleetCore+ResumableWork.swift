import Protocol
import Tensors

/// Work that outlives a session: of a worker whose connection was cut, and of workers whose coordinator was started anew.
///
/// Per task that a worker lists the answer is: keep (nothing is said), drop (`abort` or `committed`), or send (`pull`).
extension FleetCore {
    // MARK: The same coordinator

    /// A worker came back in another session. Messages may have been lost while it was away, so both sides are told anew what
    /// the other one has.
    /// - Returns: `nil` where it has to join as somebody new.
    mutating func resume(_ session: [UInt8], _ capabilities: Capabilities, now: Double) -> [Directive]? {
        guard let instance = capabilities.instance, let id = membership.id(instance: instance),
            membership[id]!.capabilities.publicKey == capabilities.publicKey
        else { return nil }
        let placed = pipelines.first { $0.value.placements.contains { $0.worker == id } }
        if let (epoch, _) = placed, capabilities.holdings?.epoch != epoch { return nil }
        membership.move(id, to: session, now: now)
        var directives: [Directive] = [
            .send(worker: id, .welcome(worker: membership[id]!.name, run: policy.run)), .returned(worker: id),
            .happened(.returned(worker: membership[id]!.name, host: capabilities.host)),
        ]
        guard let (epoch, pipeline) = placed, let holdings = capabilities.holdings,
            let number = pipeline.placements.firstIndex(where: { $0.worker == id })
        else { return directives + drop(capabilities.holdings?.tasks ?? [], of: id) }
        if holdings.isLoaded { directives += catchUp(epoch, number, holdings) }
        let running = Dictionary(
            (scheduler?.running(on: epoch) ?? []).map { (key(epoch, $0), $0) }, uniquingKeysWith: { first, _ in first })
        for (key, task) in running.sorted(by: { $0.value < $1.value }) {
            guard scheduler?.wants(task, stage: number, from: epoch) == true else { continue }
            guard let held = holdings.tasks.first(where: { $0.key == key }) else {
                directives.append(.sendTask(worker: id, key, scheduler!.body(of: task)))
                continue
            }
            if let digest = held.digest {
                directives.append(fetch(held, digest, index: task, stage: number, pipeline.placements[number]))
            }
        }
        return directives + drop(holdings.tasks.filter { running[$0.key] == nil && !isUnrecorded($0.key) }, of: id)
    }

    /// What the worker has loaded and applied, where its words about it were lost, or ours.
    private mutating func catchUp(_ epoch: UInt64, _ number: Int, _ holdings: ResumableWork) -> [Directive] {
        pipelines[epoch]!.placements[number].loaded = true
        guard holdings.edit == currentEdit else {
            pipelines[epoch]!.placements[number].edited = false
            return [offer(epoch, number)]
        }
        pipelines[epoch]!.placements[number].edited = true
        return advance()
    }

    private func drop(_ tasks: [Holding], of worker: Int) -> [Directive] {
        tasks.map { .send(worker: worker, .abort($0.key)) }
    }

    private func fetch(_ held: Holding, _ digest: String, index: Int, stage: Int, _ placement: StagePlacement)
        -> Directive
    {
        .fetch(
            worker: placement.worker, held.key, index: index, stage: stage, layers: placement.layers, digest: digest,
            byteCount: held.byteCount)
    }

    // MARK: A coordinator started anew

    /// What an assignment is for, and with which kernels: only then are the results of an earlier start the same bytes.
    var planDigest: String {
        let level = kernels.level?.rawValue ?? ""
        return Digest.sha256(Array("\(Release.version)\n\(level)\n\(model.map { "\($0)" } ?? "")".utf8))
    }

    /// It was listed by a worker of an earlier start, and what becomes of it is not decided yet: news of it are for later.
    func isStillToBeJudged(_ key: TaskKey, of worker: Int) -> Bool {
        guard let holdings = membership[worker]?.capabilities.holdings, holdings.run == policy.run else {
            return false
        }
        return holdings.tasks.contains { $0.key == key }
    }

    /// Some member's old pipeline lacks stages that may still come back.
    package var awaitsPeers: Bool {
        let known = membership.members.values.compactMap(\.capabilities.holdings).filter {
            $0.run == policy.run && !$0.isTrained
        }
        return Dictionary(grouping: known, by: \.epoch).values.contains { $0.count < $0[0].stageCount }
    }

    /// Takes over pipelines of an earlier start whose workers are all here, with the same layers.
    mutating func resumePipelines() -> [Directive] {
        guard let model else { return [] }
        let placed = Set(pipelines.values.flatMap { $0.placements.map(\.worker) })
        let plan = planDigest
        let candidates = membership.members.values.compactMap { member -> (id: Int, holdings: ResumableWork)? in
            guard !placed.contains(member.id), let holdings = member.capabilities.holdings,
                holdings.run == policy.run, holdings.plan == plan, holdings.isLoaded, holdings.edit != nil,
                !holdings.isTrained, pipelines[holdings.epoch] == nil
            else { return nil }
            return (member.id, holdings)
        }
        var directives: [Directive] = []
        for (epoch, group) in Dictionary(grouping: candidates, by: \.holdings.epoch).sorted(by: { $0.key < $1.key }) {
            let stages = group.sorted { $0.holdings.stageIndex < $1.holdings.stageIndex }
            guard pipelines.count < wantedPipelines ?? model.maxPipelines ?? .max,
                Self.isWhole(stages.map(\.holdings), model)
            else { continue }
            pipelines[epoch] = Pipeline(
                placements: stages.map {
                    StagePlacement(worker: $0.id, layers: $0.holdings.firstLayer..<$0.holdings.endLayer, loaded: true)
                }, isResumed: true, isDeferred: true)
            for stage in stages {
                let layers = stage.holdings.firstLayer..<stage.holdings.endLayer
                directives.append(
                    .happened(.resumed(pipeline: epoch, worker: membership[stage.id]!.name, layers: layers)))
            }
        }
        return directives
    }

    private static func isWhole(_ stages: [ResumableWork], _ model: ModelPlan) -> Bool {
        var layer = 0
        for (index, stage) in stages.enumerated() {
            guard stage.stageIndex == index, stage.stageCount == stages.count, stage.firstLayer == layer,
                stage.endLayer > layer
            else { return false }
            layer = stage.endLayer
        }
        return layer == model.layerCount
    }

    /// A pipeline taken over learns what weights are wanted when that is settled: an edit in between would end its work.
    mutating func offerDeferred() -> [Directive] {
        var directives: [Directive] = []
        for (epoch, pipeline) in pipelines.sorted(by: { $0.key < $1.key }) where pipeline.isDeferred {
            pipelines[epoch]!.isDeferred = false
            directives += pipeline.placements.indices.map { offer(epoch, $0) }
        }
        return directives
    }

    /// A worker that held other weights drops its work when these are offered.
    package mutating func offered(_ digest: String, to worker: Int) {
        guard let holdings = membership[worker]?.capabilities.holdings, holdings.editDigest != digest else { return }
        membership.forgetHoldings(of: worker)
    }

    /// What those hold who have no place in a pipeline is of no use.
    mutating func dropSpareWork() -> [Directive] {
        let placed = Set(pipelines.values.flatMap { $0.placements.map(\.worker) })
        return membership.members.values.filter { !placed.contains($0.id) }.sorted { $0.id < $1.id }.flatMap { member in
            defer { membership.forgetHoldings(of: member.id) }
            return drop(member.capabilities.holdings?.tasks ?? [], of: member.id)
        }
    }

    /// The tasks that a resumed pipeline is at and that are still to be done go on there; the others are called off.
    mutating func takeOver(_ epoch: UInt64) -> [Directive] {
        guard let pipeline = pipelines[epoch], pipeline.isResumed, scheduler != nil else { return [] }
        pipelines[epoch]!.isResumed = false
        let lists = pipeline.placements.map { placement in
            let tasks = membership[placement.worker]?.capabilities.holdings?.tasks ?? []
            return Dictionary(tasks.map { ($0.key, $0) }) { first, _ in first }
        }
        var directives: [Directive] = []
        var kept: [Int] = []
        for placement in pipeline.placements { membership.forgetHoldings(of: placement.worker) }
        for key in Set(lists.flatMap(\.keys)).sorted(by: { $0.task < $1.task }) {
            let held = lists.compactMap { $0[key] }
            let isWhole = held.count == lists.count && Set(held.map(\.content)).count == 1
            // In the same life of the run a task is known by its number. A worker begins it once in an epoch, so it must
            // not be called off where it is still to be done.
            let same = index(of: key).flatMap { scheduler!.isWaiting($0) && !kept.contains($0) ? $0 : nil }
            guard isWhole, let index = same ?? scheduler!.waiting(content: held[0].content, except: kept) else {
                for (placement, list) in zip(pipeline.placements, lists) where list[key] != nil {
                    directives.append(.send(worker: placement.worker, .abort(key)))
                }
                continue
            }
            kept.append(index)
            names.keep(key, for: index)
            directives.append(
                .happened(
                    .takenOver(
                        task: scheduler!.name(of: index),
                        workers: members(of: pipeline.placements).map(\.name),
                        isFinished: held.allSatisfy { $0.digest != nil })))
            for (stage, held) in held.enumerated() {
                guard let digest = held.digest else { continue }
                directives.append(fetch(held, digest, index: index, stage: stage, pipeline.placements[stage]))
            }
        }
        scheduler!.resume(epoch, stageCount: pipeline.placements.count, running: kept)
        return directives
    }
}
