import Protocol

/// Pipelines of the workers that are there.
extension FleetCore {
    /// Makes pipelines of workers that have no placement.
    mutating func reform() -> [Directive] {
        guard let model, !ending.isAskedFor else { return [] }
        let resumed = resumePipelines()
        return resumed + (scheduler == nil ? [] : offerDeferred()) + fill(model)
    }

    mutating func fill(_ model: ModelPlan) -> [Directive] {
        let placed = Set(pipelines.values.flatMap { $0.placements.map(\.worker) })
        let free = available(membership.members.keys.filter { !placed.contains($0) })
        guard !pipelines.isEmpty else {
            guard !free.isEmpty else { return mayReturn ? [] : fail(.noWorkerLeft(last: lastCause)) }
            return form(free, pipelines: wantedPipelines.map { min($0, free.count) })
        }
        let most = wantedPipelines ?? model.maxPipelines ?? .max
        guard !free.isEmpty, pipelines.count < most else { return [] }
        var limited = model
        limited.maxPipelines = most - pipelines.count
        guard let plan = try? Plan.make(workers: free.map(planWorker), model: limited, pipelines: nil), plan.fits else {
            return []
        }
        return form(plan)
    }

    /// Fine-tuning takes one, whatever the user asked for: a second one would hold other weights.
    var wantedPipelines: Int? { model?.preferOnePipeline == true ? 1 : policy.pipelines }

    mutating func form(_ ids: [Int], pipelines count: Int?) -> [Directive] {
        guard let model else { return [] }
        do throws(FleetError) {
            let plan = try Plan.make(workers: ids.map(planWorker), model: model, pipelines: count)
            return form(plan)
        } catch { return fail(.noPlan(error.description)) }
    }

    func planWorker(_ id: Int) -> Plan.Worker {
        let capabilities = membership[id]!.capabilities
        return Plan.Worker(
            id: id, threads: capabilities.threads, memoryBytes: capabilities.memoryBytes, measured: speed(of: id))
    }

    mutating func form(_ plan: Plan) -> [Directive] {
        var directives: [Directive] = []
        for stages in plan.pipelines {
            epoch += 1
            pipelines[epoch] = Pipeline(placements: stages.map { StagePlacement(worker: $0.worker, layers: $0.layers) })
            for (index, stage) in stages.enumerated() {
                membership.forgetHoldings(of: stage.worker)
                let next =
                    index + 1 < stages.count ? membership[stages[index + 1].worker]!.capabilities.dataEndpoint : nil
                var assignment = Assignment(
                    epoch: epoch, model: model!.path,
                    modelDigest: model!.content?.stage(stage.layers, index == 0, index + 1 == stages.count),
                    layers: stage.layers, stageIndex: index, stageCount: stages.count,
                    threads: membership[stage.worker]!.capabilities.threads, next: next,
                    window: policy.window ?? stages.count + 1)
                if index + 1 < stages.count {
                    assignment.nextKey = membership[stages[index + 1].worker]!.capabilities.publicKey
                }
                assignment.plan = planDigest
                if index > 0 { assignment.previousKey = membership[stages[index - 1].worker]!.capabilities.publicKey }
                directives.append(.send(worker: stage.worker, .assign(assignment)))
                let name = membership[stage.worker]!.name
                directives.append(.happened(.assigned(pipeline: epoch, worker: name, layers: stage.layers)))
            }
        }
        return directives
    }
}
