import Checkpoint

/// Reads the first range of blocks off a curve of angle gaps (Safety Layers, arXiv 2408.17003, section 3.3).
///
/// The paper goes by eye: from the block where the gap appears to the one where its rise first smooths. What both words mean
/// in numbers is ours.
public struct GapRule: Sendable, Equatable {
    /// The gap has appeared where it is at least this share of the largest gap of all blocks.
    public var appears = 0.1
    /// The rise is smooth where it is less than this share of the steepest rise before it.
    public var smooths = 0.5

    public init() {}

    /// - Parameter gaps: after every block, in degrees, the first block's first.
    /// - Returns: the first block where the gap has appeared, up to the last one before the rise is smooth; `nil` where no gap
    ///   is larger than 0.
    public func range(of gaps: [Double]) -> Range<Int>? {
        guard let largest = gaps.max(), largest > 0, let first = gaps.firstIndex(where: { $0 >= appears * largest })
        else { return nil }
        var steepest = gaps[first] - (first > 0 ? gaps[first - 1] : 0)
        var last = first
        while last + 1 < gaps.count {
            let rise = gaps[last + 1] - gaps[last]
            if rise <= 0 || rise < smooths * steepest { break }
            steepest = max(steepest, rise)
            last += 1
        }
        return first..<last + 1
    }
}

extension LayerCurves {
    /// The angle gap after every block, in degrees. The final norm's, which has a scale of its own, is left out.
    public var gaps: [Double] { points.filter { $0.place != .norm }.map(\.gap) }
}
