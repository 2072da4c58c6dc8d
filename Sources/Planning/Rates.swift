/// How fast one pipeline of a fleet is, measured or assumed. FLOP are counted by `ModelCost`.
package struct Rates: Sendable, Equatable {
    /// FLOP a second: forward; forward and backward with scores; decoding.
    package var forward: Double
    package var gradients: Double
    package var decode: Double
    /// f64 FLOP a second of LAPACK.
    package var double: Double
    /// Bytes a second of large results: through the connection, digested, and on disk.
    package var transfer: Double
    /// Seconds to load the model; between two kinds of work it may be loaded again.
    package var load: Double
    package var pipelines: Int

    /// Of workers that multiply matrices at `flops` FLOP a second each: the shares are those of `make bench`.
    package init(flops: Double, pipelines: Int, bytes: Double) {
        forward = 0.8 * flops
        gradients = 0.65 * flops
        decode = 0.35 * flops
        double = 0.25 * flops
        transfer = 250e6
        load = 2 + bytes / 1e9
        self.pipelines = pipelines
    }

    /// Weights that are selected, and bytes of exported models, a second.
    static let selected = 25e6
    static let written = 120e6

    /// Seconds of one task.
    package func seconds(_ task: Work.Task, _ kind: Work.Kind, _ cost: ModelCost) -> Double {
        switch kind {
        case .forward, .collecting: cost.forward(tokens: task.tokens, scored: task.scored) / forward
        case .answers:
            cost.forward(tokens: task.tokens, scored: task.scored) / forward
                + Double(task.steps) * cost.decode(rows: task.rows) / decode
        case .scores: cost.gradients(tokens: task.tokens, scored: task.scored) / gradients
        case .training: cost.gradients(tokens: task.tokens, scored: task.scored) / gradients / Double(pipelines)
        case .lowRankTraining:
            cost.inputGradients(tokens: task.tokens, scored: task.scored) / gradients / Double(pipelines)
        case .subspaces, .factors, .selection, .export, .rewriting: 0
        }
    }

    /// Seconds of a step: its tasks go to whichever pipeline is free first, in their order.
    package func seconds(_ step: Work.Step, _ cost: ModelCost) -> Double {
        guard !step.isKnown else { return 0 }
        switch step.kind {
        case .selection: return cost.linear * Double(step.tasks.count) / Self.selected
        case .export: return Double(step.bytes) / Self.written
        case .subspaces: return cost.subspaces * Double(step.tasks.count) / double / Double(pipelines)
        case .factors: return cost.subspaces / 9 * Double(step.tasks.count) / double / Double(pipelines)
        case .rewriting: return load + Double(step.tasks.count) * cost.rewriting / forward
        case .training, .lowRankTraining: return step.tasks.reduce(0) { $0 + seconds($1, step.kind, cost) }
        case .forward, .answers, .scores, .collecting:
            var free = Array(repeating: 0.0, count: max(1, pipelines))
            for task in step.tasks {
                let first = free.indices.min { free[$0] < free[$1] }!
                free[first] += seconds(task, step.kind, cost)
            }
            return free.max()! + Double(step.bytes * step.tasks.count) / transfer
        }
    }

    package func seconds(_ work: Work, _ cost: ModelCost) -> Double {
        var sum = load
        var last: Work.Kind?
        for step in work.steps where !step.isKnown {
            sum += seconds(step, cost)
            // Each kind needs memory of its own, so the fleet is laid out, and the model loaded, anew.
            guard ![.selection, .export, .rewriting].contains(step.kind) else { continue }
            let kind: Work.Kind = step.kind == .answers ? .forward : step.kind
            if let last, last != kind { sum += load }
            last = kind
        }
        return sum
    }
}
