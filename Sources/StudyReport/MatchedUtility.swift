import Evaluation
package import Reporting
package import StudyFile

/// The largest effect of every method among the points that stay as useful as the bounds ask: methods are compared at the
/// same price, not each at the point that suits it.
///
/// Bounds hold for the numbers as measured, not for their intervals. Points are chosen by what they are chosen by
/// (`GridPoint.chooser`); the KL is of all harmless prompts, also where the study chooses on one half.
package struct MatchedUtility: Sendable {
    package struct Row: Sendable {
        package var family: MethodFamily
        /// `nil`: no point stays within the bounds.
        package var point: GridPoint?
        /// Points of the method that do, and all of them whose ASR is measured.
        package var within: Int
        package var all: Int
    }

    package var bounds: UtilityBounds
    package var unedited: GridPoint
    /// By effect, the largest first; then those without a point, in the families' order.
    package var rows: [Row]

    package init(_ points: [GridPoint], unedited: GridPoint, bounds: UtilityBounds) {
        (self.bounds, self.unedited) = (bounds, unedited)
        let measured = points.filter { $0.family.kind != .unedited && $0.success != nil && $0.chooser.success != nil }
        let families = Set(measured.map(\.family)).sorted()
        let rows = families.map { family in
            let own = measured.filter { $0.family == family }
            let kept = own.filter { Self.isWithin(bounds, $0, unedited) }
            return Row(family: family, point: Self.largest(kept), within: kept.count, all: own.count)
        }
        func effect(_ row: Row) -> Double { row.point?.success?.value ?? -1 }
        self.rows = rows.enumerated().sorted { a, b in
            let (x, y) = (effect(a.element), effect(b.element))
            return x == y ? a.offset < b.offset : x > y
        }.map(\.element)
    }

    /// Whether a point loses no more than the bounds allow. What is not measured is outside.
    static func isWithin(_ bounds: UtilityBounds, _ point: GridPoint, _ unedited: GridPoint) -> Bool {
        if let most = bounds.accuracyLoss {
            guard let accuracy = point.chooser.accuracy, let own = unedited.chooser.accuracy,
                100 * (own.value - accuracy.value) <= most
            else { return false }
        }
        if let most = bounds.firstTokenKL {
            guard let divergence = point.firstTokenKL, divergence.value <= most else { return false }
        }
        return true
    }

    /// The first of equals, in the study's order.
    private static func largest(_ points: [GridPoint]) -> GridPoint? {
        var best: GridPoint?
        for point in points where point.chooser.success!.value > best?.chooser.success!.value ?? -1 { best = point }
        return best
    }

    package func table() -> Table {
        let all = [unedited] + rows.compactMap(\.point)
        let hasRanks = all.contains { $0.ranks > 0 }
        let hasAccuracy = all.contains { $0.accuracy != nil }
        let hasPerplexity = all.contains { $0.perplexity != nil }
        let hasOverRefusal = all.contains { $0.overRefusal != nil }
        let hasKL = all.contains { $0.firstTokenKL != nil }
        var columns = [
            Table.Column("method", .left), .init("condition", .left), .init("points within"), .init("zeroed %"),
        ]
        if hasRanks { columns.append(.init("ranks %")) }
        columns += [.init("ASR gated"), .init("degenerate")]
        if hasOverRefusal { columns.append(.init("over-refusal")) }
        if hasKL { columns.append(.init("first-token KL")) }
        if hasAccuracy { columns.append(.init("accuracy")) }
        if hasPerplexity { columns.append(.init("perplexity")) }
        var table = Table(columns)
        func append(_ method: String, _ within: String, _ point: GridPoint?) {
            var row = [method, point?.name ?? "none", within, point.map { Format.fixed(100 * $0.zeroed, 3) } ?? "—"]
            if hasRanks { row.append(point.map { Format.fixed(100 * $0.ranks, 3) } ?? "—") }
            row += [BestPoints.cell(point?.success), BestPoints.cell(point?.degeneration)]
            if hasOverRefusal { row.append(BestPoints.cell(point?.overRefusal)) }
            if hasKL { row.append(BestPoints.cell(point?.firstTokenKL)) }
            if hasAccuracy { row.append(BestPoints.cell(point?.accuracy)) }
            if hasPerplexity { row.append(BestPoints.cell(point?.perplexity)) }
            table.append(row)
        }
        append("unedited", "", unedited)
        for row in rows { append(row.family.title, "\(row.within) of \(row.all)", row.point) }
        return table
    }
}
