package import Evaluation
import Reporting
package import Selection
import StudyFile

/// What one run measured, as the claims are held against it.
package struct Evidence: Sendable {
    package var unedited: GridPoint
    package var points: [GridPoint]
    /// Defences in the prompt, which make no model.
    package var defences: [GridPoint]
    package var best: BestPoints
    /// Values of every linear map, by measure.
    package var jaccard: [Overlap.Value]
    package var similarity: [Overlap.Value]
    /// Points are chosen on one half of the items, and are what the other half shows.
    package var isSplit: Bool
    let judges: Judges
    let bootstrap: PairedBootstrap
    /// Gated ASR less the unedited model's, by condition; of all points of a family corrected together, unless one point
    /// of it was chosen on other items.
    private let rises: [String: Difference]

    /// - Parameters:
    ///   - points: all conditions, the unedited one among them.
    ///   - judges: of all rates.
    ///   - seed: of the bootstrap, and of the halves.
    ///   - isSplit: choose on one half of the items, report the other.
    package init?(
        _ points: [GridPoint], defences: [GridPoint] = [], jaccard: [Overlap.Value] = [],
        similarity: [Overlap.Value] = [], judges: Judges = Judges(), seed: UInt64 = 0, isSplit: Bool = false
    ) {
        func reported(_ points: [GridPoint]) -> [GridPoint] {
            isSplit ? points.map { ItemHalves(seed: seed).split($0) } : points
        }
        let points = reported(points)
        guard let unedited = points.first(where: { $0.family.kind == .unedited }) else { return nil }
        self.unedited = unedited
        self.points = points
        self.defences = reported(defences)
        self.judges = judges
        self.jaccard = jaccard
        self.similarity = similarity
        self.isSplit = isSplit
        bootstrap = PairedBootstrap(seed: seed)
        best = BestPoints(points, unedited: unedited)
        var rises: [String: Difference] = [:]
        for kind in Set(points.map(\.family.kind)) {
            var (names, differences): ([String], [Difference]) = ([], [])
            for point in points where point.family.kind == kind {
                guard let difference = point.difference(.success, from: unedited, bootstrap) else { continue }
                names.append(point.name)
                differences.append(difference)
            }
            for (name, difference) in zip(names, Difference.corrected(differences)) { rises[name] = difference }
        }
        self.rises = rises
    }

    /// A point's gated ASR less the unedited model's, corrected for the points of its family.
    func rise(_ point: GridPoint) -> Difference { rises[point.name]! }

    /// That of a point that was chosen: on other items, so that there is nothing to correct, or on these.
    package func chosenRise(_ point: GridPoint) -> Difference {
        isSplit ? point.difference(.success, from: unedited, bootstrap)! : rise(point)
    }

    /// A point's accuracy less the unedited model's; both are measured.
    func accuracyChange(_ point: GridPoint) -> Difference {
        point.difference(.accuracy, from: unedited, bootstrap)!
    }

    /// What the correction of claims about chosen points is, in words.
    package var choiceWords: String {
        isSplit
            ? "Points are chosen on one half of the prompts, questions and windows (a draw of the study's seed), and every number in findings and in the table of best points is the other half's, so a chosen point's p needs no correction."
            : "A chosen point's p is corrected for all points of its method (Holm 1979)."
    }

    func points(_ kinds: MethodFamily.Kind...) -> [GridPoint] { points.filter { kinds.contains($0.family.kind) } }

    /// The condition that another starts from: the unedited one where it names none.
    func start(of point: GridPoint) -> GridPoint? {
        point.of.map { name in points.first { $0.name == name } } ?? unedited
    }

    /// Who judged these measures, as the last sentence of what stands for a claim.
    func judged(_ measures: GridPoint.Compared...) -> String {
        var parts: [String] = []
        for measure in measures {
            switch measure {
            case .success: parts.append("\(measure.title) \(judges.paper.name)")
            case .unrefused, .overRefusal: parts.append("\(measure.title) \(judges.own.name)")
            case .degeneration, .accuracy: break
            }
        }
        return " Judged by: \(parts.joined(separator: ", "))."
    }

    /// The best point of either order of blocks: the one with the larger gated ASR of those that keep accuracy.
    package func best(_ kind: MethodFamily.Kind) -> BestPoint? {
        BestPoint.best(of: points(kind), unedited: unedited)
    }
}

/// Numbers as parts of a sentence.
enum Phrase {
    static func asr(_ point: GridPoint) -> String { rate("gated ASR", point.success) }
    static func accuracy(_ point: GridPoint) -> String { rate("accuracy", point.accuracy) }
    static func degenerate(_ point: GridPoint) -> String { rate("degenerate", point.degeneration) }
    static func perplexity(_ point: GridPoint) -> String { rate("perplexity", point.perplexity) }

    /// Several measures of a point.
    static func words(_ point: GridPoint, _ measures: GridPoint.Compared...) -> String {
        "\(point.name): " + measures.map { rate($0.title, point.estimate($0)) }.joined(separator: ", ")
    }

    static func rate(_ name: String, _ estimate: Estimate?) -> String {
        estimate.map { "\(name) \(Format.estimate($0.value, $0.standardError))" } ?? "\(name) not measured"
    }

    static func size(_ point: GridPoint) -> String {
        point.ranks > 0
            ? "\(Format.fixed(100 * point.ranks, 2)) % of ranks" : "\(Format.fixed(100 * point.zeroed, 2)) % of weights"
    }
}
