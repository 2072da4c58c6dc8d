package import Checkpoint
import Protocol
package import Selection
package import Tensors
import Yams

/// Which units of a model are meant (SSAH, arXiv 2410.10862): classes of units, and how units are told apart.
package struct UnitSelection: Sendable, Equatable {
    static let keys = [
        "statistic", "class", "safety", "utility", "redundant", "complex", "complex_by", "attention", "normalize",
        "scope",
    ]

    /// The name of a statistic `unit_variance` of the study, whose harmful list is the safety data.
    package var statistic: String
    package var classes: Set<UnitClass>
    package var settings: UnitSettings
    /// Percent of all units that is taken of the complex ones; `nil`: all of them.
    package var complex: Double?
    package var complexOrder: UnitClasses.Order

    /// Reads a mapping of `keys`.
    /// - Throws: `InputError` with file, line and the key's path.
    init(_ node: StudyNode) throws(InputError) {
        statistic = try node.string("statistic") ?? UnitVariance.name
        classes = try Self.classes(node)
        settings = UnitSettings()
        settings.safety = try node.percent("safety") ?? 0
        settings.utility = try node.percent("utility") ?? 0
        settings.redundant = try node.percent("redundant") ?? 0
        settings.attention = try node.choice("attention", as: AttentionUnit.self) ?? settings.attention
        settings.normalization =
            try node.choice("normalize", as: UnitScores.Normalization.self) ?? settings.normalization
        settings.scope = try node.choice("scope", as: UnitSettings.Scope.self) ?? settings.scope
        complex = try node.percent("complex")
        complexOrder = try node.choice("complex_by", as: UnitClasses.Order.self) ?? .safety
        try check(node)
    }

    private static func classes(_ node: StudyNode) throws(InputError) -> Set<UnitClass> {
        guard let items = try node.items("class") else { throw node.error("class", "is missing") }
        var classes: Set<UnitClass> = []
        for item in items {
            let text = item.scalar?.string ?? "a list or mapping"
            guard let kind = UnitClass(rawValue: text) else {
                throw node.unknown("class", text, among: UnitClass.allCases.map(\.rawValue))
            }
            guard classes.insert(kind).inserted else { throw node.error("class", "has \(text) twice") }
        }
        guard !classes.isEmpty else { throw node.error("class", "is an empty list") }
        return classes
    }

    private func check(_ node: StudyNode) throws(InputError) {
        var needed = UnitClass.allCases.filter { classes.contains($0) && $0 != .complex }
        // What is complex is what the others leave.
        if classes.contains(.complex) { needed = [.safety, .utility, .redundant] }
        for kind in needed where !node.has(kind.rawValue) {
            throw node.error(kind.rawValue, "is missing: the percent of the units that are \(kind.rawValue)")
        }
        for key in ["complex", "complex_by"] where node.has(key) && !classes.contains(.complex) {
            throw node.error(key, "goes with class complex")
        }
        if node.has("complex_by"), complex == nil { throw node.error("complex_by", "goes with a percent of complex") }
        let sum = settings.safety + settings.utility + settings.redundant + (complex ?? 0)
        guard sum <= 100 + 1e-9 else {
            throw node.error(
                classes.contains(.complex) && complex != nil ? "complex" : "redundant",
                "makes \(plainNumber(sum)) % of the units in all classes together")
        }
    }

    /// Classes, shares and choices.
    package var title: String {
        let parts = UnitClass.allCases.filter { classes.contains($0) }.map { kind in
            switch kind {
            case .safety: "\(plainNumber(settings.safety)) % safety"
            case .utility: "\(plainNumber(settings.utility)) % utility"
            case .redundant: "\(plainNumber(settings.redundant)) % redundant"
            case .complex:
                complex.map { "\(plainNumber($0)) % complex (by \(complexOrder.rawValue))" } ?? "all complex"
            }
        }
        // Classes are filled one after the other, so what earlier ones have decides the later ones.
        let others = [
            (UnitClass.safety, settings.safety), (.utility, settings.utility), (.redundant, settings.redundant),
        ]
        let split =
            classes.contains(.complex) || others.contains { !classes.contains($0.0) && $0.1 > 0 }
            ? ", of \(plainNumber(settings.safety)) safety, \(plainNumber(settings.utility)) utility, \(plainNumber(settings.redundant)) redundant"
            : ""
        return
            "units: \(parts.joined(separator: " + "))\(split); \(settings.attention.rawValue)s, \(settings.normalization.rawValue), \(settings.scope.rawValue)"
            + (statistic == UnitVariance.name ? "" : ", statistic \(statistic)")
    }

    /// - Parameter place: of the condition and key, for errors.
    /// - Throws: `InputError` where the study has no such statistic.
    func check(in study: Study, _ place: String, _ top: StudyNode) throws(InputError) {
        let known = study.statistics.filter { $0.request.name == UnitVariance.name }.map(\.name)
        guard !known.contains(statistic) else { return }
        let nearest = nearestName(to: statistic, among: known)
        throw top.error(
            "conditions",
            "\(place).statistic = \(statistic) is no statistic \(UnitVariance.name) of this study"
                + (nearest.map { "; did you mean \($0)?" } ?? ""))
    }

    /// - Throws: `InputError` where one of its classes has no unit in such a model.
    package func check(_ config: ModelConfig, condition: String) throws(InputError) {
        for kind in UnitClass.allCases where classes.contains(kind) {
            guard settings.count(of: kind, complex: complex, in: config) == 0 else { continue }
            let units = UnitLayout(config, attention: settings.attention).count
            throw InputError(
                "condition \(condition)",
                "class \(kind.rawValue) would be empty: the model has \(units) units, ranked "
                    + (settings.scope == .global ? "together" : "in every layer's attention and MLP apart"))
        }
    }

    /// All weights of the units that are meant.
    /// - Parameter statistic: the file of that statistic.
    /// - Throws: `SelectionError` where the statistic or the model lacks a projection.
    package func mask(_ statistic: TensorBundle, _ model: any WeightSource) throws -> Mask {
        let classes = try Self.classes(statistic, settings, model)
        return classes.layout.mask(
            of: classes.chosen(self.classes, complex: complex, by: complexOrder), in: model.config)
    }

    /// - Parameters:
    ///   - labels: of the safety and the utility data in the statistic's file.
    /// - Throws: `SelectionError` where the statistic or the model lacks a projection.
    package static func classes(
        _ statistic: TensorBundle, _ settings: UnitSettings, _ model: any WeightSource,
        labels: (safety: String, utility: String) = ("harmful", "harmless")
    ) throws -> UnitClasses {
        let layout = UnitLayout(model.config, attention: settings.attention)
        let norms = try UnitNorms(model, layout)
        return UnitClasses(
            safety: try UnitScores(statistic, of: labels.safety, norms: norms, in: layout),
            utility: try UnitScores(statistic, of: labels.utility, norms: norms, in: layout), settings, in: layout)
    }
}
