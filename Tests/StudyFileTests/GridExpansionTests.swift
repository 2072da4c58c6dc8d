import Selection
import StudyFile
import Tensors
import Testing

@Suite struct GridExpansionTests {
    private func study(_ conditions: String, more: String = "") throws -> Study {
        try Study(
            yaml: """
                model: m
                calibration: {safety: {pairs: s.jsonl}, utility: {pairs: u.jsonl}}
                probe: {harmful: h.txt, harmless: g.txt}
                conditions:
                  - unedited
                \(conditions.split(separator: "\n").map { "  \($0)" }.joined(separator: "\n"))
                \(more)
                """, file: "s.yaml")
    }

    private func fault(_ conditions: String) -> String? {
        do { _ = try study(conditions) } catch { return "\(error)" }
        return nil
    }

    @Test func everyPointIsACondition() throws {
        let conditions = try study("- set_difference: {p: [1, 3, 5], q: [1, 2.5], group: row}").conditions
        #expect(
            conditions.map(\.name) == [
                "unedited", "set_difference-p1-q1", "set_difference-p1-q2.5", "set_difference-p3-q1",
                "set_difference-p3-q2.5", "set_difference-p5-q1", "set_difference-p5-q2.5",
            ])
        #expect(conditions[4].method as? SetDifferenceMethod == .init(p: 3, q: 2.5, group: .row))
    }

    @Test func oneListIsEnough() throws {
        let conditions = try study(
            """
            - name: mine
              bottom: {of: utility, q: [2, 4]}
            - set_difference: {p: 7, q: [3]}
            - actsvd_keep: {rank: [100, 2.5%]}
            - orthogonal_projection: {r_u: [50%], r_s: [9, 99%]}
            - heads: {top: [5, 10]}
            - heads: {random: [5, 10]}
            """
        ).conditions
        #expect(
            conditions.map(\.name) == [
                "unedited", "mine-q2", "mine-q4", "set_difference-q3", "actsvd_keep-rank100", "actsvd_keep-rank2.5pct",
                "orthogonal_projection-r_u50pct-r_s9", "orthogonal_projection-r_u50pct-r_s99pct", "heads-top5",
                "heads-top10", "heads-random5", "heads-random10",
            ])
        #expect(conditions[2].method as? RankedMethod == .init(side: .utility, q: 4, group: .matrix, order: .smallest))
        #expect(conditions[3].method as? SetDifferenceMethod == .init(p: 7, q: 3, group: .matrix))
        #expect(conditions[5].method as? LowRankMethod == .init(.keepTop(RankAmount("2.5%")!), side: .safety))
    }

    @Test func ordersOfAGridHold() throws {
        let study = try study("- {order: sequential, set_difference: {p: [1, 2], q: 1}}")
        #expect(study.conditions.dropFirst().map(\.isSequential) == [true, true])
    }

    @Test func othersCanNameThePoints() throws {
        let one = try study(
            "- set_difference: {p: [1, 3], q: 1}\n- random: {like: set_difference-p3}",
            more: "export: [set_difference-p1]")
        #expect(one.conditions.last?.imitated == "set_difference-p3")
        #expect(one.conditions.last?.name == "random")
        #expect(one.export == ["set_difference-p1"])

        let all = try study("- set_difference: {p: [1, 3], q: 1}\n- random: {like: set_difference}")
        #expect(
            all.conditions.suffix(2).map(\.name) == ["random-set_difference-p1", "random-set_difference-p3"])
        #expect(all.conditions.last?.imitated == "set_difference-p3")

        let some = try study(
            "- set_difference: {p: [1, 3], q: 1}\n- top: {q: 2}\n- {name: r, random: {like: [top, set_difference-p1]}}")
        #expect(some.conditions.suffix(2).map(\.name) == ["r-top", "r-set_difference-p1"])
    }

    @Test func randomEditsMayBeDrawnWithSeveralSeeds() throws {
        let points = try study("- {name: s, top: {q: 2}}\n- random: {like: s, seeds: [1, 2]}")
        let random = points.conditions.suffix(2)
        #expect(random.map(\.name) == ["random-seed1", "random-seed2"])
        #expect(random.map(\.imitated) == ["s", "s"])
        #expect(random.map(\.title) == ["random, sized like s, seed 1", "random, sized like s, seed 2"])
        let grid = try study("- set_difference: {p: [1, 3], q: 1}\n- random: {like: set_difference, seeds: [5, 7]}")
        #expect(grid.conditions.last?.name == "random-set_difference-p3-seed7")
        let one = try study("- {name: s, top: {q: 2}}\n- random: {like: s, seeds: 9}")
        #expect(one.conditions.last?.name == "random" && one.conditions.last?.title.hasSuffix("seed 9") == true)
        let none = try study("- {name: s, top: {q: 2}}\n- random: {like: s}")
        #expect(none.conditions.last?.title == "random, sized like s", "the study's seed, as ever")
        let heads = try study("- heads: {random: [3, 4], seeds: [1, 2]}").conditions.dropFirst()
        #expect(heads.map(\.name).suffix(2) == ["heads-random4-seed1", "heads-random4-seed2"])
        #expect(heads.map(\.title).first == "without 3 random attention heads, seed 1")
        #expect(Set(heads.map(\.method.drawnLike)).count == 2)
        #expect(throws: InputError.self) { try study("- heads: {top: 3, seeds: [1, 2]}") }
    }

    @Test(arguments: [
        ("- set_difference: {p: [1, 1], q: 1}", "s.yaml:6: conditions[1].set_difference.p has 1 twice"),
        ("- set_difference: {p: [], q: 1}", "s.yaml:6: conditions[1].set_difference.p is an empty list"),
        (
            "- set_difference: {p: [[1]], q: 1}",
            "s.yaml:6: conditions[1].set_difference.p has to be a value or a list of values"
        ),
        (
            "- set_difference: {p: [1, 101], q: 1}",
            "s.yaml:6: conditions[1].set_difference.p = 101.0 is out of range: 0.0 to 100.0"
        ),
        (
            "- set_difference: {p: [1, x], q: 1}",
            "s.yaml:6: conditions[1].set_difference.p has to be a number, not x"
        ),
        (
            "- set_difference: {p: [1, 2], q: [3, 4]}\n- {name: set_difference-p1-q4, top: {q: 1}}",
            "s.yaml:7: two conditions are called set_difference-p1-q4; give one a name of its own"
        ),
    ])
    func faultsNameTheirPlace(conditions: String, message: String) { #expect(fault(conditions) == message) }

    @Test func aGridHasItsLimit() {
        let list = "[" + (1...200).map { "\($0)" }.joined(separator: ", ") + "]"
        #expect(
            fault("- orthogonal_projection: {r_u: \(list), r_s: \(list)}")
                == "s.yaml:6: conditions[1]: more than 10000 conditions")
    }
}
