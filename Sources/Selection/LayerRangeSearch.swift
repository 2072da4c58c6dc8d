/// The two sweeps that make a range of safety layers of a first one (Safety Layers, arXiv 2408.17003, section 3.3).
///
/// The range's blocks are scaled, and answers to over-rejection prompts are counted that are refusals. First the last block
/// moves while the first one stays, then the first one moves. How far they move, and what decides between equal counts, is
/// ours.
public struct LayerRangeSearch: Sendable, Equatable {
    /// Which count of refusals a sweep takes.
    public enum Aim: String, Sendable, CaseIterable {
        /// The largest: the published choice for factors above 1.
        case most
        /// The smallest: the published choice for factors below 1.
        case fewest
    }

    /// What a trial was made for.
    public enum Sweep: String, Sendable, CaseIterable {
        /// The unscaled model, which nothing is chosen by.
        case unscaled
        /// The range's last block moves.
        case last
        /// The range's first block moves.
        case first
    }

    /// What one range came to.
    public struct Trial: Sendable, Equatable {
        public var sweep: Sweep
        /// Empty where nothing is scaled.
        public var layers: Range<Int>
        /// Answers that are refusals; `nil`: the scaled model's numbers are not finite.
        public var rejected: Int?

        public init(_ sweep: Sweep, _ layers: Range<Int>, rejected: Int?) {
            (self.sweep, self.layers, self.rejected) = (sweep, layers, rejected)
        }
    }

    public let start: Range<Int>
    public let layerCount: Int
    /// Blocks that either end moves, to both sides.
    public let reach: Int
    public let aim: Aim

    /// - Parameters:
    ///   - start: at least one block, all of them in the model.
    ///   - reach: at least 0.
    public init(from start: Range<Int>, layerCount: Int, reach: Int, aim: Aim) {
        precondition(!start.isEmpty && start.lowerBound >= 0 && start.upperBound <= layerCount && reach >= 0)
        (self.start, self.layerCount, self.reach, self.aim) = (start, layerCount, reach, aim)
    }

    /// The first sweep, the shortest range first.
    public var lastSweep: [Range<Int>] {
        let last = start.upperBound - 1
        return (max(start.lowerBound, last - reach)...min(layerCount - 1, last + reach)).map {
            start.lowerBound..<$0 + 1
        }
    }

    /// The second sweep, the longest range first.
    /// - Parameter last: the block that the first sweep chose.
    public func firstSweep(to last: Int) -> [Range<Int>] {
        (max(0, start.lowerBound - reach)...min(last, start.lowerBound + reach)).map { $0..<last + 1 }
    }

    /// - Parameter trials: of one sweep.
    /// - Returns: the range with the count that is aimed at, of equal ones the one with the fewest blocks; `nil` where no trial
    ///   has a count.
    public func choice(of trials: [Trial]) -> Range<Int>? {
        var best: (layers: Range<Int>, key: (Int, Int))?
        for trial in trials {
            guard let rejected = trial.rejected else { continue }
            let key = (aim == .most ? -rejected : rejected, trial.layers.count)
            if let known = best, known.key <= key { continue }
            best = (trial.layers, key)
        }
        return best?.layers
    }
}
