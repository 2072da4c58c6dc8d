import Protocol

/// A stage that holds its pipeline up: the layers are shared out anew, by the speeds that were measured.
extension FleetCore {
    /// What each stage has computed for how many batches tells how fast it is. Where another plan would be at least twice
    /// as fast, what the pipeline has under way is given up for it. Never while it trains.
    mutating func rebalance() -> [Directive] {
        guard let model, let scheduler, !ending.isAskedFor, !training.isHeld else { return [] }
        for (epoch, pipeline) in pipelines.sorted(by: { $0.key < $1.key })
        where pipeline.seats.count > 1 && pipeline.isReady && !scheduler.holdsSequence(epoch) {
            let seats = pipeline.seats.map { seat in
                (
                    id: seat.worker, cost: model.cost(of: seat.layers),
                    seconds: (membership[seat.worker]?.beat.computed ?? 0) - seat.computedBefore,
                    batches: Double(tally.batches(of: seat.worker) - seat.batchesBefore)
                )
            }
            guard let slowest = seats.max(by: { $0.seconds < $1.seconds }), slowest.seconds >= policy.measuring,
                seats.allSatisfy({ $0.seconds > 0 && $0.batches > 0 && leaves[$0.id] == nil })
            else { continue }
            let before = speeds
            let rates = seats.map { $0.cost * $0.batches / $0.seconds / Double(threads(of: $0.id)) }
            for (seat, rate) in zip(seats, rates) { speeds[seat.id] = rate / rates.max()! }
            let present = seats.map { $0.cost / (speed(of: $0.id) ?? 1) }.max() ?? 0
            let plan = try? Plan.make(workers: seats.map { planWorker($0.id) }, model: model, pipelines: 1)
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
