package import Checkpoint
package import Selection
package import Tensors

extension Study {
    /// Weights that fine-tuning leaves as they were, and how.
    package struct Restriction: Sendable, Equatable {
        package enum Kind: String, Sendable, CaseIterable {
            /// They get no update at all (the paper's text).
            case freeze
            /// They are trained like all others, and get their old values back at the end (the published code).
            case rewind
        }

        package indirect enum Weights: Sendable, Equatable {
            /// The mask of an earlier condition.
            case mask(of: String)
            /// A part of the linear maps, of a stated size.
            case share(WeightShare)
            /// All weights of the units of some classes.
            case units(UnitSelection)
            /// Whole decoder blocks.
            case layers(LayerFreeze)
            /// All linear maps' weights but those.
            case allBut(Weights)

            package var title: String {
                switch self {
                case .mask(let name): name
                case .share(let share): share.title
                case .units(let units): units.title
                case .layers(let layers): layers.title
                case .allBut(let weights): "all but \(weights.title)"
                }
            }

            /// It is chosen for one condition, which has the mask's file.
            package var hasOwnMask: Bool {
                switch self {
                case .mask, .share: false
                case .units, .layers, .allBut: true
                }
            }

            /// - Throws: `InputError` where the model has no such weights.
            package func check(_ config: ModelConfig, condition: String) throws(InputError) {
                switch self {
                case .mask: break
                case .share(let share): try share.check(config, condition: condition)
                case .units(let units): try units.check(config, condition: condition)
                case .layers(let layers): try layers.check(config, condition: condition)
                case .allBut(let weights): try weights.check(config, condition: condition)
                }
            }
        }

        package var kind: Kind
        package var weights: Weights

        package init(_ kind: Kind, _ weights: Weights) {
            self.kind = kind
            self.weights = weights
        }

        package var title: String {
            let participle = kind == .freeze ? "frozen" : "rewound"
            return "\(participle): \(weights.title)"
        }
    }

    /// Weights of the linear maps, chosen up to a stated size.
    package struct WeightShare: Sendable, Equatable {
        package enum Choice: String, Sendable, CaseIterable {
            /// The ranking's first.
            case mask
            /// As many random weights of every matrix.
            case random
            /// Whole decoder layers.
            case layers
        }

        /// What a percentage counts.
        package enum Whole: String, Sendable, CaseIterable {
            case parameters
            case linearMaps = "linear_maps"

            package var title: String { self == .parameters ? "all parameters" : "the linear maps" }
        }

        package enum LayerOrder: String, Sendable, CaseIterable {
            /// By the mean safety score of a layer's weights, the highest first.
            case score
            case first, last
        }

        package var choice: Choice
        package var percent: Double
        package var of: Whole
        /// Utility's first percent, which the mask passes over.
        package var p: Double
        package var group: Group
        package var layerOrder: LayerOrder

        package init(
            _ choice: Choice, percent: Double, of: Whole = .parameters, p: Double = 0, group: Group = .matrix,
            layerOrder: LayerOrder = .score
        ) {
            self.choice = choice
            self.percent = percent
            self.of = of
            self.p = p
            self.group = group
            self.layerOrder = layerOrder
        }

        /// "mask-9.61"
        package var name: String { "\(choice.rawValue)-\(plainNumber(percent))" }

        package var title: String {
            let size = "\(plainNumber(percent)) % of \(of.title)"
            switch choice {
            case .mask:
                let spared = p > 0 ? ", utility's first \(plainNumber(p)) % spared" : ""
                return "\(size), the top by safety per \(group.rawValue)\(spared)"
            case .random: return "\(size), random"
            case .layers:
                return switch layerOrder {
                case .score: "\(size), whole layers, the highest mean safety score first"
                case .first: "\(size), whole layers from the first"
                case .last: "\(size), whole layers from the last"
                }
            }
        }

        /// How many of every matrix a random choice takes is known without scores, unless matrices compete.
        package var needsScores: Bool {
            switch choice {
            case .mask: true
            case .random: group == .model
            case .layers: layerOrder == .score
            }
        }

        package var needsUtility: Bool { needsScores && choice != .layers && p > 0 }

        /// The same size as a percentage of the linear maps' weights.
        package func percentOfMaps(_ config: ModelConfig) -> Double {
            of == .linearMaps ? percent : percent * Double(config.parameterCount) / Double(config.mapWeightCount)
        }

        /// - Throws: `InputError` where the model has no such share.
        package func check(_ config: ModelConfig, condition: String) throws(InputError) {
            let most = choice == .layers ? 100 : RestrictedMask.limit(p: p)
            guard percentOfMaps(config) > most else { return }
            let maps = 100 * Double(config.mapWeightCount) / Double(config.parameterCount)
            let limit = of == .linearMaps ? most : most / 100 * maps
            let reason =
                (of == .linearMaps ? [] : ["the linear maps hold \(hundredths(maps)) % of all parameters"])
                + (most < 100 ? ["p = \(plainNumber(p)) spares \(plainNumber(p)) % of the linear maps"] : [])
            throw InputError(
                "condition \(condition)",
                "\(plainNumber(percent)) % of \(of.title) is more than a mask can hold: at most \(hundredths(limit)) %"
                    + (reason.isEmpty ? "" : " (\(reason.joined(separator: "; ")))"))
        }
    }
}

/// Rounded down, so that what is named as the most is possible.
private func hundredths(_ value: Double) -> String {
    let scaled = Int((value * 100 + 1e-9).rounded(.down))
    let digits = "\(scaled % 100)"
    return "\(scaled / 100)." + (digits.count == 1 ? "0" : "") + digits
}
