public import Checkpoint

/// What a unit is there for (arXiv 2410.10862, section 3).
public enum UnitClass: String, Sendable, Codable, CaseIterable {
    /// SCU, the largest I_S − I_U.
    case safety
    /// UCU, the smallest I_S − I_U.
    case utility
    /// CU, all that is in no other class.
    case complex
    /// RU, the smallest I_S + I_U.
    case redundant

    /// The paper's short name.
    public var abbreviation: String {
        switch self {
        case .safety: "SCU"
        case .utility: "UCU"
        case .complex: "CU"
        case .redundant: "RU"
        }
    }
}

/// How units are told apart. The text leaves all of it open but the rankings; the defaults are ours.
public struct UnitSettings: Sendable, Equatable {
    /// Where units are ranked against each other.
    public enum Scope: String, Sendable, Codable, CaseIterable {
        /// All units of the model together.
        case global
        /// Those of each layer's attention, and of its MLP, on their own.
        case layer
    }

    public var attention = AttentionUnit.head
    public var normalization = UnitScores.Normalization.zscore
    public var scope = Scope.global
    /// Percent of the units that are in each class; what is left is complex.
    public var safety = 0.0
    public var utility = 0.0
    public var redundant = 0.0

    public init() {}

    /// Numbers of units that are ranked together.
    func groups(_ layout: UnitLayout) -> [Range<Int>] {
        guard scope == .layer else { return [0..<layout.count] }
        var start = 0
        return layout.modules.map { module in
            defer { start += module.count }
            return start..<start + module.count
        }
    }

    /// How many units are in a class, of a model that nothing else is known of.
    /// - Parameter complex: percent of the units that are taken of the complex ones; `nil`: all of them.
    public func count(of kind: UnitClass, complex: Double? = nil, in config: ModelConfig) -> Int {
        groups(UnitLayout(config, attention: attention)).reduce(0) { $0 + counts($1.count, complex)[kind]! }
    }

    /// How many of `total` units are in each class.
    func counts(_ total: Int, _ complex: Double? = nil) -> [UnitClass: Int] {
        let safety = TopK.count(percent: safety, of: total)
        let utility = min(total - safety, TopK.count(percent: utility, of: total))
        let redundant = min(total - safety - utility, TopK.count(percent: redundant, of: total))
        let rest = total - safety - utility - redundant
        let wanted = complex.map { min(rest, TopK.count(percent: $0, of: total)) } ?? rest
        return [.safety: safety, .utility: utility, .redundant: redundant, .complex: wanted]
    }
}

/// The class of every unit of a model.
///
/// Units are taken in this order, each class of those that no earlier one has: safety, by the largest I_S − I_U; utility, by
/// the smallest; redundant, by the smallest I_S + I_U. Of equal units the earlier one is taken (`UnitLayout.modules`).
public struct UnitClasses: Sendable, Equatable {
    public let layout: UnitLayout
    /// For every module, its units.
    public let classes: [[UnitClass]]
    private let settings: UnitSettings
    private let safety: [Double]
    private let utility: [Double]

    /// By what complex units are ranked where only some of them are taken. The paper says "top 6 %", not of what.
    public enum Order: String, Sendable, Codable, CaseIterable {
        /// The largest I_S.
        case safety
        /// The largest I_S − I_U.
        case difference
        /// The largest I_S + I_U.
        case sum
    }

    public init(safety: UnitScores, utility: UnitScores, _ settings: UnitSettings, in layout: UnitLayout) {
        self.layout = layout
        self.settings = settings
        self.safety = safety.normalized(settings.normalization).flatMap { $0 }
        self.utility = utility.normalized(settings.normalization).flatMap { $0 }
        precondition(self.safety.count == layout.count && self.utility.count == layout.count, "scores of other units")
        var all = [UnitClass](repeating: .complex, count: layout.count)
        for group in settings.groups(layout) {
            let counts = settings.counts(group.count)
            for (kind, key) in Self.rankings(self.safety, self.utility) {
                let free = group.filter { all[$0] == .complex }
                for unit in Self.first(counts[kind]!, of: free, by: key) { all[unit] = kind }
            }
        }
        classes = Self.byModule(all, layout)
    }

    /// In the order in which classes are filled; the largest key is taken first.
    private static func rankings(
        _ safety: [Double], _ utility: [Double]
    ) -> [(UnitClass, (Int) -> Double)] {
        [
            (.safety, { safety[$0] - utility[$0] }), (.utility, { utility[$0] - safety[$0] }),
            (.redundant, { -(safety[$0] + utility[$0]) }),
        ]
    }

    private static func first(_ count: Int, of units: [Int], by key: (Int) -> Double) -> [Int] {
        let keys = units.map { (unit: $0, key: key($0)) }
        return keys.sorted { ($0.key, $1.unit) > ($1.key, $0.unit) }.prefix(count).map(\.unit)
    }

    private static func byModule<T>(_ all: [T], _ layout: UnitLayout) -> [[T]] {
        var start = 0
        return layout.modules.map { module in
            defer { start += module.count }
            return Array(all[start..<start + module.count])
        }
    }

    /// How many units each class has.
    public var counts: [UnitClass: Int] {
        var counts = Dictionary(uniqueKeysWithValues: UnitClass.allCases.map { ($0, 0) })
        for kind in classes.joined() { counts[kind]! += 1 }
        return counts
    }

    /// Which units are of these classes, for every module.
    /// - Parameters:
    ///   - complex: percent of all units that is taken of the complex ones; `nil`: all of them.
    ///   - order: which of them first.
    public func chosen(_ kinds: Set<UnitClass>, complex: Double? = nil, by order: Order = .safety) -> [[Bool]] {
        let all = Array(classes.joined())
        var chosen = all.map { kinds.contains($0) }
        guard kinds.contains(.complex), let complex else { return Self.byModule(chosen, layout) }
        for group in settings.groups(layout) {
            let units = group.filter { all[$0] == .complex }
            for unit in units { chosen[unit] = false }
            let count = settings.counts(group.count, complex)[.complex]!
            let key: (Int) -> Double =
                switch order {
                case .safety: { safety[$0] }
                case .difference: { safety[$0] - utility[$0] }
                case .sum: { safety[$0] + utility[$0] }
                }
            for unit in Self.first(count, of: units, by: key) { chosen[unit] = true }
        }
        return Self.byModule(chosen, layout)
    }
}
