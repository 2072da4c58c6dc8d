import Evaluation
import Reporting
package import Selection
import StudyFile

/// What one run measured, as the claims are held against it.
package struct Evidence: Sendable {
    package var unedited: GridPoint
    package var points: [GridPoint]
    package var best: BestPoints
    /// Values of every linear map, by measure.
    package var jaccard: [Overlap.Value]
    package var similarity: [Overlap.Value]

    /// - Parameter points: all conditions, the unedited one among them.
    package init?(_ points: [GridPoint], jaccard: [Overlap.Value] = [], similarity: [Overlap.Value] = []) {
        guard let unedited = points.first(where: { $0.family.kind == .unedited }) else { return nil }
        self.unedited = unedited
        self.points = points
        self.jaccard = jaccard
        self.similarity = similarity
        best = BestPoints(points, unedited: unedited)
    }

    func points(_ kinds: MethodFamily.Kind...) -> [GridPoint] { points.filter { kinds.contains($0.family.kind) } }

    /// The best point of either order of blocks: the one with the larger gated ASR of those that keep accuracy.
    func best(_ kind: MethodFamily.Kind) -> BestPoint? {
        BestPoint.best(of: points(kind), unedited: unedited)
    }
}

/// Numbers as parts of a sentence.
enum Phrase {
    static func asr(_ point: GridPoint) -> String { rate("gated ASR", point.success) }
    static func accuracy(_ point: GridPoint) -> String { rate("accuracy", point.accuracy) }
    static func degenerate(_ point: GridPoint) -> String { rate("degenerate", point.degeneration) }
    static func perplexity(_ point: GridPoint) -> String { rate("perplexity", point.perplexity) }

    static func rate(_ name: String, _ estimate: Estimate?) -> String {
        estimate.map { "\(name) \(Format.estimate($0.value, $0.standardError))" } ?? "\(name) not measured"
    }

    static func size(_ point: GridPoint) -> String {
        point.ranks > 0
            ? "\(Format.fixed(100 * point.ranks, 2)) % of ranks" : "\(Format.fixed(100 * point.zeroed, 2)) % of weights"
    }
}
