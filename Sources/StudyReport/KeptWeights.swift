import Selection
package import StudyFile

/// What a fine-tuning run keeps that a system's claims are about.
package enum KeptWeights: Sendable, Equatable {
    /// Single weights that were chosen for safety, frozen or rewound (the paper).
    case safetyWeights
    /// The safety-critical units, perhaps with others, frozen (SSAH).
    case safetyUnits
    /// A range of decoder blocks, frozen (SPPFT).
    case layers

    /// - Parameter study: whose condition it is, so that a mask is known by the condition that makes it.
    /// - Returns: `nil` where nothing is kept, or what no claim is about, as random weights.
    package init?(_ settings: Study.FineTune, in study: Study) {
        guard let restriction = settings.restriction else { return nil }
        let kept: KeptWeights?
        switch restriction.weights {
        case .mask(let name): kept = study.conditions.first { $0.name == name }.flatMap { Self($0.method) }
        case .share(let share): kept = share.choice == .mask ? .safetyWeights : nil
        case .units(let units): kept = units.classes.contains(.safety) ? .safetyUnits : nil
        case .layers: kept = .layers
        case .allBut: kept = nil
        }
        // Only the paper's claim is of rewinding, too.
        guard let kept, restriction.kind == .freeze || kept == .safetyWeights else { return nil }
        self = kept
    }

    /// What the condition of a mask chose its weights for.
    private init?(_ method: any ConditionMethod) {
        if let units = method as? UnitsMethod {
            guard units.selection.classes.contains(.safety) else { return nil }
            self = .safetyUnits
            return
        }
        let others: [ConditionFamily] = [
            .randomWeights, .bottom, .topUtility, .bottomUtility, .headsBottom, .headsRandom,
        ]
        guard !others.contains(method.family(EditExtent(zeroed: 1, ranks: 0))) else { return nil }
        self = .safetyWeights
    }
}
