import Evaluation
import Reporting
import StudyFile
import StudyReport
import StudySupport
import Testing

@Suite struct MatchedUtilityTests {
    private func point(
        _ name: String, _ kind: MethodFamily.Kind, asr: Double, acc: Double? = 0.6, kl: Double? = 0.1
    ) -> GridPoint {
        var point = Fake.point(name, kind, asr: asr, acc: acc, zeroed: 0.01)
        point.firstTokenKL = kl.map { Estimate(value: $0, standardError: 0.01, count: 20) }
        return point
    }

    @Test func theLargestEffectWithinTheBoundsStands() {
        let matched = MatchedUtility(
            [
                Fake.unedited, point("costly", .setDifference, asr: 0.9, acc: 0.5),
                point("far", .setDifference, asr: 0.8, kl: 0.3), point("good", .setDifference, asr: 0.7, acc: 0.56),
                point("weak", .setDifference, asr: 0.2),
            ], unedited: Fake.unedited, bounds: UtilityBounds(accuracyLoss: 5, firstTokenKL: 0.2))
        let names: [String?] = matched.rows.map { $0.point?.name }
        #expect(names == ["good"])
        #expect(matched.rows[0].within == 2 && matched.rows[0].all == 4)
        let noKL = MatchedUtility(
            [point("far", .setDifference, asr: 0.8, kl: nil), point("good", .setDifference, asr: 0.7)],
            unedited: Fake.unedited, bounds: UtilityBounds(accuracyLoss: 5))
        #expect(noKL.rows[0].point?.name == "far", "what no bound asks for need not be measured")
    }

    @Test func whatIsNotMeasuredIsOutside() {
        let bounds = UtilityBounds(accuracyLoss: 5, firstTokenKL: 0.2)
        let matched = MatchedUtility(
            [point("a", .top, asr: 0.9, kl: nil), point("b", .top, asr: 0.8, acc: nil)], unedited: Fake.unedited,
            bounds: bounds)
        #expect(matched.rows.count == 1 && matched.rows[0].point == nil && matched.rows[0].all == 2)
    }

    @Test func methodsStandByTheirEffectAndThoseWithoutAPointAreLast() {
        let matched = MatchedUtility(
            [
                point("broken", .setDifference, asr: 1, acc: 0.2), point("some", .top, asr: 0.3),
                point("most", .orthogonalProjection, asr: 0.6),
            ], unedited: Fake.unedited, bounds: UtilityBounds(accuracyLoss: 5))
        let names: [String?] = matched.rows.map { $0.point?.name }
        #expect(names == ["most", "some", nil])
        let lines = matched.table().markdown().split(separator: "\n")
        #expect(lines.last?.contains("| none | 0 of 1 |") == true)
    }
}
