import Evaluation
import Reporting
import StudyFile
import StudyReport
import StudySupport
import Testing

@Suite struct BestPointTests {
    @Test func theLargestASRThatKeepsAccuracy() {
        let points = [
            Fake.point("mild", .setDifference, asr: 0.3, acc: 0.6),
            Fake.point("good", .setDifference, asr: 0.7, acc: 0.585),
            // 0.6 − 0.02: the error of the difference is √(2 · 0.24/999) = 0.0219.
            Fake.point("edge", .setDifference, asr: 0.8, acc: 0.58),
            Fake.point("broken", .setDifference, asr: 0.95, acc: 0.4),
        ]
        let best = BestPoint.best(of: points, unedited: Fake.unedited)
        #expect(best?.point.name == "edge" && best?.keepsAccuracy == true)
        #expect(BestPoint.best(of: Array(points.prefix(2)), unedited: Fake.unedited)?.point.name == "good")
    }

    @Test func whereNoneKeepsItTheLeastLossStands() {
        let points = [
            Fake.point("worst", .top, asr: 0.9, acc: 0.3), Fake.point("bad", .top, asr: 0.5, acc: 0.4),
        ]
        let best = BestPoint.best(of: points, unedited: Fake.unedited)
        #expect(best?.point.name == "bad" && best?.keepsAccuracy == false)
    }

    @Test func equalsGoByPerplexityThenSizeThenOrder() {
        func name(_ points: [GridPoint]) -> String? { BestPoint.best(of: points, unedited: Fake.unedited)?.point.name }
        func point(_ name: String, _ perplexity: Double, _ size: Double) -> GridPoint {
            Fake.point(name, .setDifference, asr: 0.5, acc: 0.6, perplexity: perplexity, zeroed: size)
        }
        #expect(name([point("a", 9, 0.01), point("b", 8, 0.02)]) == "b")
        #expect(name([point("a", 8, 0.02), point("b", 8, 0.01)]) == "b")
        #expect(name([point("a", 8, 0.01), point("b", 8, 0.01)]) == "a")
    }

    @Test func nothingMeasuredGivesNone() {
        #expect(BestPoint.best(of: [], unedited: Fake.unedited) == nil)
        #expect(BestPoint.best(of: [Fake.point("a", .top, acc: 0.6)], unedited: Fake.unedited) == nil)
        // Without questions every point counts.
        let point = Fake.point("a", .top, asr: 0.4)
        #expect(BestPoint.best(of: [point], unedited: Fake.unedited)?.keepsAccuracy == true)
    }

    @Test func theControlHasTheSameSizeOrTheNearest() {
        let point = Fake.point("s", .setDifference, asr: 0.5, zeroed: 0.01)
        let far = Fake.point("far", .randomWeights, asr: 0, zeroed: 0.1)
        let near = Fake.point("near", .randomWeights, asr: 0, zeroed: 0.0085)
        let ranks = Fake.point("ranks", .randomRanks, asr: 0, ranks: 0.01)
        let own = Fake.point("own", .randomWeights, asr: 0, zeroed: 0.01, like: "s")
        #expect(BestPoint.control(of: point, among: [far, near, ranks])?.name == "near")
        #expect(BestPoint.control(of: point, among: [far, near, ranks, own])?.name == "own")
        #expect(BestPoint.control(of: point, among: [ranks, far]) == nil, "ten times as large is no control")
        let projection = Fake.point("o", .orthogonalProjection, asr: 0.5, ranks: 0.012)
        #expect(BestPoint.control(of: projection, among: [far, near, ranks])?.name == "ranks")
    }

    @Test func theTableHasEveryMethodAndItsControl() {
        let points = [
            Fake.unedited, Fake.point("o", .orthogonalProjection, asr: 0.5, acc: 0.6, degenerate: 0, ranks: 0.02),
            Fake.point("s", .setDifference, asr: 0.5, acc: 0.6, degenerate: 0.5, perplexity: 8, zeroed: 0.01),
            Fake.point("s2", .setDifference, asr: 0.4, acc: 0.6, degenerate: 0.5, perplexity: 8, zeroed: 0.01),
            Fake.point("r", .randomWeights, asr: 0.05, acc: 0.6, degenerate: 0, zeroed: 0.01, like: "s"),
            Fake.point("t", .top, asr: 0.5, acc: 0.3, degenerate: 1, zeroed: 0.01),
        ]
        let table = BestPoints(points, unedited: Fake.unedited).table(settings: ["vanilla"])
        #expect(
            table.columns.map(\.title) == [
                "method", "condition", "zeroed %", "ranks %", "ASR gated", "degenerate", "accuracy", "perplexity",
            ])
        #expect(
            table.rows.map { $0[0] + ": " + $0[1] } == [
                "unedited: unedited", "set difference: s", "· random weights: r", "orthogonal projection: o",
                "top by safety †: t", "· random weights: r",
            ])
        #expect(table.rows[1][4] == "0.50 ± 0.05" && table.rows[1][5] == "0.50 ± 0.05")
        #expect(table.rows[3][7] == "—")
    }

    @Test func severalSettingsAreAveraged() {
        var point = Fake.point("a", .setDifference, asr: 0.2)
        point.gated.append(Fake.rate(0.8))
        #expect(point.success?.value == 0.5)
        // As if they moved together: never less than the true error.
        #expect(
            abs(point.success!.standardError - (Fake.rate(0.2).standardError + Fake.rate(0.8).standardError) / 2)
                < 1e-12)
    }
}
