import Evaluation
import Reporting
import StudyFile
import StudyReport
import StudySupport
import Testing

/// Points that are compared item by item.
@Suite struct PairedEvidenceTests {
    /// A point whose first `hits` prompts succeed, and whose first `right` questions are right.
    private func point(
        _ name: String, _ kind: MethodFamily.Kind, hits: Int, of prompts: Int = 40, right: Int = 60,
        from first: Int = 0, like: String? = nil
    ) -> GridPoint {
        let success = ItemValues((0..<prompts).map { $0 >= first && $0 < first + hits ? 1 : 0 })
        let answers = ItemValues((0..<100).map { $0 < right ? 1 : 0 })
        var point = Fake.point(name, kind, zeroed: kind == .unedited ? 0 : 0.01, like: like)
        point.items = PointItems(
            gated: [success], degenerate: [ItemValues(Array(repeating: 0, count: prompts))], accuracy: answers)
        (point.gated, point.accuracy) = ([success.estimate], answers.estimate)
        point.degenerate = point.items!.degenerate.map(\.estimate)
        return point
    }

    private func raises(_ evidence: Evidence) -> Finding {
        Claims.raises(.setDifference, "set-difference weights", evidence)
    }

    @Test func pairsShowWhatRatesApartDoNot() throws {
        let points = [point("unedited", .unedited, hits: 20), point("s", .setDifference, hits: 28)]
        let evidence = try #require(Evidence(points))
        #expect(raises(evidence).outcome == .holds)
        #expect(raises(evidence).evidence.contains("ASR +0.20 ["))
        #expect(raises(evidence).evidence.contains("p 0.0078"), "2 / 2⁸")
        // The same rates of prompts that are not the same ones.
        var apart = points
        apart[0].items = nil
        #expect(raises(try #require(Evidence(apart))).outcome == .open)
    }

    /// The same rise among twenty points is what chance may give: 20 · 0.0078 > 0.05.
    @Test func manyPointsAreCorrected() throws {
        let points =
            [point("unedited", .unedited, hits: 20), point("s", .setDifference, hits: 28)]
            + (1..<20).map { point("s\($0)", .setDifference, hits: 21) }
        #expect(raises(try #require(Evidence(points))).outcome == .open)
        #expect(raises(try #require(Evidence(Array(points.prefix(3))))).outcome == .holds, "2 · 0.0078")
    }

    /// One harmless prompt, and a task of one question, have a number in both halves.
    @Test func whatCannotBeCutIsWholeInBothHalves() throws {
        var own = point("s", .setDifference, hits: 20)
        own.items?.overRefusal = ItemValues([1])
        own.items?.accuracy = ItemValues([1, 1, 0], groups: [0, 1, 1])
        let split = ItemHalves(seed: 3).split(own)
        for half in [split, split.chooser] {
            #expect(half.overRefusal?.value == 1 && half.accuracy?.value == 0.75)
        }
    }

    /// Two points that differ in which prompts they break, none of them better: what one half prefers the other does not
    /// confirm.
    @Test func halvesChooseAndReportOnDifferentItems() throws {
        let points = [
            point("unedited", .unedited, hits: 0), point("s", .setDifference, hits: 20),
            point("t", .setDifference, hits: 20, from: 20),
        ]
        let evidence = try #require(Evidence(points, seed: 7, isSplit: true))
        let best = try #require(evidence.best(.setDifference)).point
        #expect(best.gated[0].count == 20 && best.chooser.gated[0].count == 20)
        #expect(best.chooser.success!.value >= 0.5 && best.success!.value <= 0.5)
        // Both halves together are all prompts.
        #expect(best.chooser.success!.value + best.success!.value == 1)
        let again = try #require(Evidence(points, seed: 7, isSplit: true))
        #expect(again.best(.setDifference)?.point.items?.gated == best.items?.gated)
        #expect(evidence.chosenRise(best).p != nil && evidence.choiceWords.contains("one half"))
        #expect(try #require(Evidence(points)).best(.setDifference)?.point.gated[0].count == 40)
    }

    @Test func halvesAreDrawnTaskByTask() {
        var point = Fake.point("p", .setDifference)
        point.items = PointItems(
            accuracy: ItemValues(Array(repeating: 1, count: 9), groups: [0, 0, 0, 0, 0, 0, 1, 1, 1]),
            windows: (0..<5).map { WindowLoss(loss: Double($0), tokens: 2) })
        let split = ItemHalves(seed: 1).split(point)
        #expect(split.items?.accuracy?.groups == [0, 0, 0, 1])
        #expect(split.chooser.items?.accuracy?.groups == [0, 0, 0, 1, 1])
        #expect(split.chooser.items?.windows.count == 3 && split.items?.windows.count == 2)
    }

    @Test func randomEditsOfSeveralSeedsAreOneControl() throws {
        let seeds = [4, 6, 8].map { point("random-s-seed\($0)", .randomWeights, hits: $0, like: "s") }
        let points = [point("unedited", .unedited, hits: 4), point("s", .setDifference, hits: 30)] + seeds
        let control = try #require(BestPoint.control(of: points[1], among: points))
        #expect(control.name == "random weights like s, 3 seeds")
        #expect(abs(control.success!.value - 0.15) < 1e-12 && control.spread?.gated == [0.1...0.2])
        // Prompts 0 to 3 succeed with all three seeds, 4 and 5 with two, 6 and 7 with one.
        let expected: [Double] = [1, 1, 1, 1, 2 / 3.0, 2 / 3.0, 1 / 3.0, 1 / 3.0, 0]
        #expect(control.items.map { Array($0.gated[0].values.prefix(9)) } == expected)
        let evidence = try #require(Evidence(points))
        let finding = Claims.beatsRandom(.setDifference, "the set difference", evidence)
        #expect(finding.outcome == .holds)
        #expect(Claims.randomDoesNothing(evidence).outcome != .unmeasured)
        let table = evidence.best.table(settings: ["vanilla"])
        #expect(table.rows.last?[3] == "0.15 (0.10 to 0.20)")
        let own = try #require(BestPoints.seeds(points, settings: ["vanilla"]))
        #expect(
            own.rows == [["s", "3", "0.15 (0.10 to 0.20)", "0.00 (0.00 to 0.00)", "0.60 (0.60 to 0.60)", "—", "—"]])
        #expect(BestPoints.seeds(Array(points.prefix(3)), settings: ["vanilla"]) == nil, "one seed has no range")
    }
}
