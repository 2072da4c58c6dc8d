/// Who computes which layers: a pure function of the workers, the model and the number of pipelines asked for.
package struct Plan: Sendable, Equatable {
    package struct Worker: Sendable, Equatable {
        package var id: Int
        package var threads: Int
        package var memoryBytes: Int
        /// In threads, where it was measured; else its own threads are taken for it.
        package var measured: Double?
        var speed: Double { measured ?? Double(max(1, threads)) }

        package init(id: Int, threads: Int, memoryBytes: Int, measured: Double? = nil) {
            self.id = id
            self.threads = threads
            self.memoryBytes = memoryBytes
            self.measured = measured
        }
    }

    package struct Stage: Sendable, Equatable {
        package var worker: Int
        package var layers: Range<Int>
        package init(worker: Int, layers: Range<Int>) {
            self.worker = worker
            self.layers = layers
        }
    }

    package var pipelines: [[Stage]]
    package var spares: [Int]
    /// Every stage's share fits its worker's memory.
    package var fits: Bool
    /// What the slowest stage takes for what all have to do once: cost over speed.
    package var seconds = 0.0

    /// - Parameter pipelines: how many the user asked for; `nil` lets the plan choose: as many as fit, each on as few
    ///   workers as there are for it.
    /// - Throws: `FleetError` for an impossible number of pipelines, or a model without layers.
    package static func make(workers: [Worker], model: ModelPlan, pipelines: Int?) throws(FleetError) -> Plan {
        guard model.layerCount > 0 else { throw FleetError("\(model.path): the model has no layers") }
        guard !workers.isEmpty else { throw FleetError("there are no workers") }
        let workers = workers.sorted { $0.id < $1.id }
        if let pipelines {
            guard pipelines > 0, pipelines <= workers.count else {
                throw FleetError(
                    "--pipelines \(pipelines): with \(workers.count) worker\(workers.count == 1 ? "" : "s") choose 1 to \(workers.count)"
                )
            }
            return arrange(workers, model, pipelines)
        }
        var count = model.preferOnePipeline ? 1 : min(workers.count, max(1, model.maxPipelines ?? workers.count))
        while count > 1 {
            let plan = arrange(workers, model, count)
            if plan.fits { return plan }
            count -= 1
        }
        return arrange(workers, model, 1)
    }

    /// Neighbours in id order share a pipeline; workers beyond one a layer are spares.
    private static func arrange(_ workers: [Worker], _ model: ModelPlan, _ count: Int) -> Plan {
        var plan = Plan(pipelines: [], spares: [], fits: true)
        for index in 0..<count {
            let group = workers[(index * workers.count / count)..<((index + 1) * workers.count / count)]
            var used = Array(group.prefix(model.layerCount))
            plan.spares += group.dropFirst(model.layerCount).map(\.id)
            var ranges = split(used, model)
            // Even a single layer may be too much for one that is known to be slow.
            while used.count > 1, used.allSatisfy({ $0.measured != nil }),
                let slow = used.indices.min(by: { used[$0].speed < used[$1].speed })
            {
                let rest = used.enumerated().filter { $0.offset != slow }.map(\.element)
                let (without, with) = (worst(rest, split(rest, model), model), worst(used, ranges, model))
                guard without.overflow <= with.overflow, without.time < 0.9 * with.time else { break }
                plan.spares.append(used[slow].id)
                (used, ranges) = (rest, split(rest, model))
            }
            plan.seconds = max(plan.seconds, worst(used, ranges, model).time)
            plan.pipelines.append(zip(used, ranges).map { Stage(worker: $0.id, layers: $1) })
            for (position, range) in ranges.enumerated()
            where overflow(used[position], range, model) > 0 { plan.fits = false }
        }
        return plan
    }

    /// Contiguous layers per worker such that the slowest stage is as fast as can be; memory counts before time.
    private static func split(_ workers: [Worker], _ model: ModelPlan) -> [Range<Int>] {
        let (stages, layers) = (workers.count, model.layerCount)
        var costSums = [0.0]
        for cost in model.layerCost { costSums.append(costSums.last! + cost) }
        func load(_ stage: Int, _ range: Range<Int>) -> Load {
            var cost = costSums[range.upperBound] - costSums[range.lowerBound]
            if range.lowerBound == 0 { cost += model.embeddingCost }
            if range.upperBound == layers { cost += model.headCost }
            return Load(overflow: overflow(workers[stage], range, model), time: cost / workers[stage].speed)
        }
        // best[end]: the smallest worst load of stages 0...stage over layers 0..<end; cut[stage][end]: where the last begins.
        var best: [Load?] = (0...layers).map { $0 == 0 ? nil : load(0, 0..<$0) }
        var cut = [[Int](repeating: 0, count: layers + 1)]
        for stage in 1..<max(1, stages) {
            var next = [Load?](repeating: nil, count: layers + 1)
            var cuts = [Int](repeating: 0, count: layers + 1)
            for end in (stage + 1)..<(layers + 1) {
                for start in stage..<end {
                    guard let before = best[start] else { continue }
                    let worst = max(before, load(stage, start..<end))
                    if next[end].map({ worst < $0 }) ?? true { (next[end], cuts[end]) = (worst, start) }
                }
            }
            best = next
            cut.append(cuts)
        }
        var ranges: [Range<Int>] = []
        var end = layers
        for stage in (0..<stages).reversed() {
            ranges.insert(cut[stage][end]..<end, at: 0)
            end = cut[stage][end]
        }
        return ranges
    }

    private static func worst(_ workers: [Worker], _ ranges: [Range<Int>], _ model: ModelPlan) -> Load {
        zip(workers, ranges).map {
            Load(overflow: overflow($0, $1, model), time: model.cost(of: $1) / $0.speed)
        }.max() ?? Load(overflow: 0, time: 0)
    }

    /// Bytes by which a share exceeds its worker's memory.
    private static func overflow(_ worker: Worker, _ range: Range<Int>, _ model: ModelPlan) -> Double {
        var bytes = model.layerBytes[range].reduce(0, +)
        if range.lowerBound == 0 { bytes += model.embeddingBytes }
        if range.upperBound == model.layerCount { bytes += model.headBytes }
        return max(0, Double(bytes) * model.memoryMultiplier - Double(worker.memoryBytes))
    }

    private struct Load: Comparable {
        var overflow: Double
        var time: Double
        static func < (a: Load, b: Load) -> Bool { (a.overflow, a.time) < (b.overflow, b.time) }
    }
}
