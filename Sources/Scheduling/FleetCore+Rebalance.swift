import Protocol

/// A stage that holds its pipeline up: the layers are shared out anew, by the speeds that were measured.
extension FleetCore {
    /// What each stage has computed for how many batches tells how fast it is. Where another plan would be at least twice
    /// as fast, what the pipeline has under way is given up for it. Never while it trains.
    mutating func rebalance() -> [Directive] {
        guard let model, let scheduler, !ending.isAskedFor, !training.isHeld else { return [] }
        for (epoch, pipeline) in pipelines.sorted(by: { $0.key < $1.key })
        where pipeline.placements.count > 1 && pipeline.isReady && !scheduler.holdsSequence(epoch) {
            let placements = pipeline.placements.map { placement in
                (
                    id: placement.worker, cost: model.cost(of: placement.layers),
                    seconds: (membership[placement.worker]?.beat.computed ?? 0) - placement.computedBefore,
                    batches: Double(tally.batches(of: placement.worker) - placement.batchesBefore)
                )
            }
            guard let slowest = placements.max(by: { $0.seconds < $1.seconds }), slowest.seconds >= policy.measuring,
                placements.allSatisfy({ $0.seconds > 0 && $0.batches > 0 && leaves[$0.id] == nil })
            else { continue }
            let before = speeds
            let rates = placements.map { $0.cost * $0.batches / $0.seconds / Double(threads(of: $0.id)) }
            for (placement, rate) in zip(placements, rates) { speeds[placement.id] = rate / rates.max()! }
            let present = placements.map { $0.cost / (speed(of: $0.id) ?? 1) }.max() ?? 0
            let plan = try? Plan.make(workers: placements.map { planWorker($0.id) }, model: model, pipelines: 1)
            guard let plan, plan.fits, plan.seconds <= present / 2 else {
                speeds = before
                continue
            }
            let name = membership[slowest.id]?.name ?? "a worker"
            return [.happened(.slow(worker: name, pipeline: epoch))]
                + dissolve(epoch, without: nil, .slow(worker: name, pipeline: epoch), crashed: false)
        }
        return []
    }

    /// In threads of the fastest worker it was measured beside; `nil`: it was not.
    func speed(of worker: Int) -> Double? { speeds[worker].map { $0 * Double(threads(of: worker)) } }

    private func threads(of worker: Int) -> Int { max(1, membership[worker]?.capabilities.threads ?? 1) }
}
