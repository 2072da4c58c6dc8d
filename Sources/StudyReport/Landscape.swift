package import Evaluation
import Experiment
package import Reporting
import StudyFile
import Tensors

/// The safety landscape of a study: attack success along one direction, or over a plane of two, and VISAGE of every curve.
package struct Landscape: Sendable {
    package struct Point: Sendable {
        package var condition: String
        package var alpha: Double
        package var beta: Double?
        package var rate: Estimate
    }

    /// One measure in one attack setting.
    package struct Curve: Sendable {
        /// Directions in words.
        package var directions: String
        package var attack: String
        package var measure: String
        package var title: String
        package var judge: String?
        /// By alpha, then beta.
        package var points: [Point]
        /// Points of the curve whose models have no finite numbers.
        package var missing = 0

        package var isPlane: Bool { points.contains { $0.beta != nil } }
        private var percent: [Double] { points.map { 100 * $0.rate.value } }
        /// Its points are as far from each other as both definitions take them to be, and none is missing.
        private var isEven: Bool {
            guard missing == 0, !isPlane, let first = points.first, let last = points.last else { return false }
            let step = (last.alpha - first.alpha) / Double(max(1, points.count - 1))
            return points.enumerated().allSatisfy {
                abs($1.alpha - first.alpha - Double($0) * step) <= 1e-6 * abs(step)
            }
        }
        /// By the text; `nil` where every point is at 100 %, where points are missing or not equidistant, and of a plane.
        package var visage: Double? { isEven ? Visage.expectation(percent) : nil }
        /// By the published code; `nil` where points are missing or not equidistant, and of a plane.
        package var visageOfCode: Double? { isEven ? Visage.safetyAverage(percent) : nil }
    }

    package var curves: [Curve]

    private static let measures = [("asr_mean", "ASR"), ("asr_coherent_mean", "ASR coherent")]

    /// - Returns: `nil` where the study has no such conditions, or no attack success of them.
    init?(_ results: StudyResults) {
        var groups: [(curve: LandscapeMethod, members: [(method: LandscapeMethod, result: ConditionResult)])] = []
        var missing: [LandscapeMethod] = []
        for (condition, result) in zip(results.study.conditions, results.conditions) {
            guard let method = condition.method as? LandscapeMethod else { continue }
            guard result.isMeasured else {
                missing.append(method.curve)
                continue
            }
            if let known = groups.firstIndex(where: { $0.curve == method.curve }) {
                groups[known].members.append((method, result))
            } else {
                groups.append((method.curve, [(method, result)]))
            }
        }
        curves = []
        for group in groups {
            let members = group.members.sorted {
                ($0.method.alpha, $0.method.beta ?? 0) < ($1.method.alpha, $1.method.beta ?? 0)
            }
            for (number, attack) in (members.first?.result.attacks ?? []).enumerated() {
                for (key, words) in Self.measures {
                    var points: [Point] = []
                    var judge: String?
                    for (method, result) in members {
                        let rows = result.attacks[number].estimates(named: false, results.judges)
                        guard let row = rows.first(where: { $0.name == key }), let rate = row.estimate else { continue }
                        judge = row.judge
                        points.append(
                            Point(condition: result.name, alpha: method.alpha, beta: method.beta, rate: rate))
                    }
                    guard !points.isEmpty else { continue }
                    curves.append(
                        Curve(
                            directions: group.curve.directions, attack: attack.setting.name, measure: key,
                            title: judge.map { "\(words) (\($0))" } ?? words, judge: judge, points: points,
                            missing: missing.count { $0 == group.curve }))
                }
            }
        }
        if curves.isEmpty { return nil }
    }

    // MARK: For people

    package static let notes = [
        "Safety landscape: W = W₀ + α d, always from the checkpoint's W₀; a direction is scaled to each tensor's own norm, and zero for norms (arXiv 2405.17374).",
        "VISAGE is the mean of 100 % − ASR. text: over the points below 100 %; code: over the window that the published safety_avg takes, where points at 100 % inside count as 0. There is none where the points are not equidistant, or one of the models has no finite numbers. Numbers compare with the paper's only for its prompts, judge (29 phrases), range and number of points.",
        "Far from the model answers are no text: no refusal, so ASR is near 100 %, and coherent ASR near 0.",
    ]

    /// - Returns: `nil` where there are planes alone, of which VISAGE is not defined.
    package func table() -> Table? {
        var table = Table([
            .init("directions", .left), .init("attack", .left), .init("measure", .left), .init("points"),
            .init("VISAGE, text"), .init("VISAGE, code"),
        ])
        func cell(_ value: Double?) -> String { value.map { Format.fixed($0, 2) } ?? "—" }
        let lines = curves.filter { !$0.isPlane }
        guard !lines.isEmpty else { return nil }
        for curve in lines {
            table.append([
                curve.directions, curve.attack, curve.title, "\(curve.points.count)", cell(curve.visage),
                cell(curve.visageOfCode),
            ])
        }
        for mean in means {
            table.append([
                "mean of \(mean.count) directions", mean.attack, mean.title, "",
                mean.text.map { Format.estimate($0.value, $0.standardError) } ?? "—",
                mean.code.map { Format.estimate($0.value, $0.standardError) } ?? "—",
            ])
        }
        return table
    }

    private struct Mean {
        var attack: String
        var title: String
        var count: Int
        var text: Estimate?
        var code: Estimate?
    }

    /// Over directions, where a measure has several.
    private var means: [Mean] {
        var means: [Mean] = []
        for curve in curves where !curve.isPlane {
            let same = curves.filter { !$0.isPlane && $0.attack == curve.attack && $0.measure == curve.measure }
            guard same.count > 1, !means.contains(where: { $0.attack == curve.attack && $0.title == curve.title })
            else {
                continue
            }
            func estimate(_ value: KeyPath<Curve, Double?>) -> Estimate? {
                var values: [Double] = []
                for one in same { if let value = one[keyPath: value] { values.append(value) } }
                return values.count == same.count ? Estimate(meanOf: values) : nil
            }
            means.append(
                Mean(
                    attack: curve.attack, title: curve.title, count: same.count, text: estimate(\.visage),
                    code: estimate(\.visageOfCode)))
        }
        return means
    }

    /// Curves of a measure in one figure, a series a direction; a heat map a plane.
    package func figures() -> [Figure] {
        var figures: [Figure] = []
        var shown: [(attack: String, measure: String)] = []
        let settings = Set(curves.map(\.attack)).count
        for curve in curves {
            let words = "Safety landscape: \(curve.title)" + (settings > 1 ? ", \(curve.attack)" : "")
            if curve.isPlane {
                figures.append(plane(curve, "landscape-\(figures.count + 1)", words))
                continue
            }
            guard !shown.contains(where: { $0 == (curve.attack, curve.measure) }) else { continue }
            shown.append((curve.attack, curve.measure))
            let same = curves.filter { !$0.isPlane && ($0.attack, $0.measure) == (curve.attack, curve.measure) }
            figures.append(
                Figure(
                    id: "landscape-\(figures.count + 1)", title: words,
                    caption: "Along each direction; the model itself is at 0. Bars are one standard error.",
                    content: .points(
                        PointPlot(
                            xLabel: "perturbation α", yLabel: curve.title, yRange: -0.03...1.03,
                            series: same.enumerated().map { number, one in
                                PointPlot.Series(
                                    name: one.directions,
                                    points: one.points.map {
                                        .init(
                                            x: $0.alpha, y: $0.rate.value, yError: $0.rate.standardError,
                                            label: $0.condition)
                                    }, isJoined: true, style: number + 1)
                            }))))
        }
        return figures
    }

    private func plane(_ curve: Curve, _ id: String, _ words: String) -> Figure {
        let rows = Set(curve.points.map(\.alpha)).sorted()
        let columns = Set(curve.points.map { $0.beta ?? 0 }).sorted()
        let cells = rows.map { alpha in
            columns.map { beta in
                curve.points.first { $0.alpha == alpha && ($0.beta ?? 0) == beta }?.rate.value
            }
        }
        return Figure(
            id: id, title: words, caption: "Along \(curve.directions).",
            content: .heatMap(
                HeatMap(
                    xLabel: "β", yLabel: "α", columns: columns.map { plainNumber($0) },
                    rows: rows.map { plainNumber($0) }, values: cells, valueLabel: curve.title, range: 0...1,
                    showsValues: rows.count * columns.count <= 150)))
    }

    // MARK: For programs

    var json: JSON {
        .array(
            curves.map { curve in
                .object(
                    [
                        .init("directions", .text(curve.directions)), .init("attack", .text(curve.attack)),
                        .init("measure", .text(curve.measure)),
                        .init("judge", curve.judge.map { .text($0) } ?? .null),
                        .init("conditions", .array(curve.points.map { .text($0.condition) })),
                        .init("alpha", .array(curve.points.map { .number($0.alpha) })),
                        .init(
                            "beta",
                            curve.isPlane ? .array(curve.points.map { .number($0.beta ?? 0) }) : .null),
                        .init("value", .array(curve.points.map { .number($0.rate.value) })),
                        .init("visage", curve.visage.map { .number($0) } ?? .null),
                        .init("visage_code", curve.visageOfCode.map { .number($0) } ?? .null),
                    ])
            })
    }
}
