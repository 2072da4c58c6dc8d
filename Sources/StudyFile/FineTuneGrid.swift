import Protocol
import Tensors

/// Fine-tuning under restriction for any model (paper §5, Table 3): examples × share of the weights × how they are kept ×
/// which they are. Every cell is a condition.
package struct FineTuneGrid: Sendable, Equatable {
    /// The paper's.
    package static let standardExamples = [10, 50, 100]
    package static let standardPercents = [0, 9.61, 19.22, 28.83, 48.05, 67.27]
    package static let standardEpochs = 5

    package var name: String
    /// What all cells share; without samples and restriction.
    package var settings: Study.FineTune
    package var examples: [Int]
    package var kinds: [Study.Restriction.Kind]
    /// What is restricted, by choice and by size; sizes of 0 are left out.
    package var shares: [Study.WeightShare]
    /// There are cells in which nothing is restricted.
    package var hasFree: Bool

    /// All cells, those that share a training one after the other.
    package var conditions: [Study.Condition] {
        examples.flatMap { count in
            (hasFree ? [cell(count, nil)] : [])
                + Study.Restriction.Kind.trainingOrder.filter(kinds.contains).flatMap { kind in
                    shares.map { cell(count, Study.Restriction(kind, .share($0))) }
                }
        }
    }

    private func cell(_ count: Int, _ restriction: Study.Restriction?) -> Study.Condition {
        var settings = settings
        (settings.samples, settings.restriction, settings.grid) = (count, restriction, name)
        let end =
            restriction.map { "\($0.kind.rawValue)-\($0.share?.name ?? "")" } ?? "free"
        return Study.Condition(name: "\(name)-n\(count)-\(end)", method: FineTuneMethod(settings))
    }
}

extension Study.Restriction.Kind {
    /// What is rewound begins where the free training ends, so it comes next.
    static let trainingOrder: [Self] = [.rewind, .freeze]
}

extension Study.Restriction {
    package var share: Study.WeightShare? { if case .share(let share) = weights { share } else { nil } }
}

extension Study.FineTune {
    /// For tables and reports.
    package var title: String {
        let size =
            switch length {
            case .steps(let count): "\(count) steps × \(batch)"
            case .epochs(let count):
                "\(untilLoss == nil ? "" : "at most ")\(count) epoch\(count == 1 ? "" : "s") in steps of \(batch)"
            }
        let trained =
            lora.map { Study.title($0) }
            ?? "\(parameters.rawValue) parameters, \(restriction?.title ?? "nothing frozen")"
        return
            "fine-tuned\(isAscent ? " by gradient ascent" : "")\(samples.map { " on \($0) pairs" } ?? ""), \(size)\(untilLoss.map { ", until the loss of an epoch is at most \(plainNumber($0))" } ?? ""), lr \(learningRate), \(trained)"
    }

    /// What the optimiser sees of it: runs that are equal in this are one.
    package var training: Study.FineTune {
        var run = self
        if run.restriction?.kind == .rewind { run.restriction = nil }
        (run.grid, run.checkpointEvery) = (nil, nil)
        return run
    }
}

extension Study {
    /// Fine-tuning runs, what is rewound not counted again.
    package var trainings: [FineTune] {
        var runs: [FineTune] = []
        for case let settings? in conditions.map(\.fineTune) where !runs.contains(settings.training) {
            runs.append(settings.training)
        }
        return runs
    }

    /// Conditions that begin where this one's training ends, itself among them; those of ranks and masks have none.
    package func sharing(_ settings: FineTune) -> [Condition] {
        conditions.filter { $0.fineTune?.training == settings.training }
    }

    /// Conditions in the order they are carried out: fine-tuning last, and what shares a training together, because what
    /// a training ended with is kept until the next one; what is built on fine-tuned models comes after the last of them. A
    /// defence comes right after the condition whose model it is of, which is current then.
    package var workOrder: [Condition] {
        let defences = self.defences
        return models.flatMap { [$0] + (defences[$0.name] ?? []) }
    }

    /// Conditions with a model of their own.
    private var models: [Condition] {
        let trained = Set(conditions.filter { $0.fineTune != nil }.map(\.name))
        func awaited(_ item: Condition) -> Set<String> { trained.intersection(item.method.builtOn) }
        var order = conditions.filter { $0.fineTune == nil && $0.defence == nil && awaited($0).isEmpty }
        var done: Set<String> = []
        for run in trainings {
            let tuned = sharing(run)
            order += tuned
            let before = done
            done.formUnion(tuned.map(\.name))
            order += conditions.filter { awaited($0).isSubset(of: done) && !awaited($0).isSubset(of: before) }
        }
        return order
    }

    /// The file in `masks/` of a grid's mask, which all its cells share.
    package func maskName(_ share: WeightShare, of condition: Condition) -> String {
        condition.fineTune?.grid.map { "\($0)-\(share.name)" } ?? condition.name
    }
}

extension Study {
    /// Masks that fine-tuning is restricted by and that no other condition makes; a grid's cells share theirs.
    package var shareMasks: Int {
        var names: Set<String> = []
        for condition in conditions {
            guard let restriction = condition.fineTune?.restriction else { continue }
            if let share = restriction.share { names.insert(maskName(share, of: condition)) }
            if restriction.weights.hasOwnMask { names.insert(condition.name) }
        }
        return names.count
    }
}
