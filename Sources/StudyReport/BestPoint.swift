import Evaluation
package import Reporting
import StudyFile

/// The grid point that a method is judged by.
package struct BestPoint: Sendable {
    package var point: GridPoint
    /// `false`: no point of the method keeps accuracy, and this one loses the least.
    package var keepsAccuracy: Bool

    package static let rule = """
        Best grid point of a method: the largest coherence-gated ASR (mean over the attack settings) among the points \
        whose accuracy is not more than one standard error of the difference below the unedited model's; of equals the one with \
        the lower perplexity, then the smaller edit. Where no point keeps accuracy, the one that loses the least stands, marked †. \
        The choice is made on the same prompts as the numbers, so with many points these flatter the method.
        """

    /// Whether a point is as accurate as the unedited model, as far as the questions can tell; `true` where accuracy is
    /// not measured.
    package static func keepsAccuracy(_ point: GridPoint, _ unedited: GridPoint) -> Bool {
        guard let accuracy = point.accuracy, let own = unedited.accuracy else { return true }
        let difference = Difference(ofRates: accuracy, minus: own)
        return difference.value >= -difference.standardError
    }

    /// - Returns: `nil` where ASR is not measured.
    package static func best(of points: [GridPoint], unedited: GridPoint) -> BestPoint? {
        let measured = points.filter { $0.success != nil }
        let kept = measured.filter { keepsAccuracy($0, unedited) }
        guard !kept.isEmpty else {
            return measured.enumerated().max { a, b in
                let (x, y) = (a.element.accuracy!.value, b.element.accuracy!.value)
                return x == y ? a.offset > b.offset : x < y
            }.map { BestPoint(point: $0.element, keepsAccuracy: false) }
        }
        func isWorse(_ a: GridPoint, _ b: GridPoint) -> Bool {
            if a.success!.value != b.success!.value { return a.success!.value < b.success!.value }
            let (x, y) = (a.perplexity?.value ?? 0, b.perplexity?.value ?? 0)
            return x == y ? a.size > b.size : x > y
        }
        // The first of equals, in the study's order.
        var best = kept[0]
        for point in kept.dropFirst() where isWorse(best, point) { best = point }
        return BestPoint(point: best, keepsAccuracy: true)
    }

    /// Edits are of one size where neither is more than a quarter larger.
    static let sameSize = 1.25

    /// The random edit that a point is held against: the one sized like it, else the nearest in size of its kind.
    /// - Returns: `nil` where none is of its size.
    package static func control(of point: GridPoint, among points: [GridPoint]) -> GridPoint? {
        if let own = points.first(where: { $0.like == point.name }) { return own }
        let kind: MethodFamily.Kind =
            switch point.family.kind.control {
            case .family(let control): control
            case .random: point.ranks > 0 ? .randomRanks : .randomWeights
            }
        func ratio(_ other: GridPoint) -> Double { max(other.size, point.size) / min(other.size, point.size) }
        return points.filter { $0.family.kind == kind && $0.size > 0 && ratio($0) <= sameSize }.min {
            ratio($0) < ratio($1)
        }
    }
}

/// The best point of every method beside the unedited model and a random edit of its size.
package struct BestPoints: Sendable {
    package struct Row: Sendable {
        package var best: BestPoint
        package var control: GridPoint?
    }

    package var unedited: GridPoint
    /// In the families' order.
    package var rows: [Row]

    package init(_ points: [GridPoint], unedited: GridPoint) {
        self.unedited = unedited
        let families = Set(points.map(\.family)).filter { $0.kind != .unedited && !$0.kind.isControl }.sorted()
        rows = families.compactMap { family in
            guard let best = BestPoint.best(of: points.filter { $0.family == family }, unedited: unedited) else {
                return nil
            }
            return Row(
                best: best, control: best.point.size > 0 ? BestPoint.control(of: best.point, among: points) : nil)
        }
    }

    /// - Parameter settings: names of the attack settings, where there are several.
    package func table(settings: [String]) -> Table {
        let all = [unedited] + rows.flatMap { [$0.best.point] + ($0.control.map { [$0] } ?? []) }
        let hasRanks = all.contains { $0.ranks > 0 }
        let hasAccuracy = all.contains { $0.accuracy != nil }
        let hasPerplexity = all.contains { $0.perplexity != nil }
        let hasOverRefusal = all.contains { $0.overRefusal != nil }
        var columns = [Table.Column("method", .left), .init("condition", .left), .init("zeroed %")]
        if hasRanks { columns.append(.init("ranks %")) }
        columns += settings.count > 1 ? settings.map { .init("\($0) ASR gated") } : [.init("ASR gated")]
        columns.append(.init("degenerate"))
        if hasAccuracy { columns.append(.init("accuracy")) }
        if hasPerplexity { columns.append(.init("perplexity")) }
        if hasOverRefusal { columns.append(.init("over-refusal")) }
        var table = Table(columns)
        func cell(_ estimate: Estimate?) -> String {
            estimate.map { Format.estimate($0.value, $0.standardError) } ?? "—"
        }
        func append(_ method: String, _ point: GridPoint) {
            var row = [method, point.name, Format.fixed(100 * point.zeroed, 3)]
            if hasRanks { row.append(Format.fixed(100 * point.ranks, 3)) }
            row += point.gated.map { cell($0) } + [cell(point.degeneration)]
            if hasAccuracy { row.append(cell(point.accuracy)) }
            if hasPerplexity { row.append(cell(point.perplexity)) }
            if hasOverRefusal { row.append(cell(point.overRefusal)) }
            table.append(row)
        }
        append("unedited", unedited)
        for row in rows {
            append(row.best.point.family.title + (row.best.keepsAccuracy ? "" : " †"), row.best.point)
            if let control = row.control {
                append("· \(control.family.title)", control)
            }
        }
        return table
    }
}
