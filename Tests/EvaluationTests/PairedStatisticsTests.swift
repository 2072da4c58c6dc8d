import Evaluation
import Foundation
import Tensors
import Testing

/// Intervals and p values beside statsmodels, SciPy and NumPy (scripts/fixtures/make_paired.py).
@Suite struct PairedStatisticsTests {
    private let fixture: JSON

    init() throws {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/Fixtures/paired.json"
        fixture = try JSON.parse([UInt8](Data(contentsOf: URL(fileURLWithPath: path))))
    }

    private func entries(_ key: String) -> [JSON] { fixture[key]?.elements ?? [] }
    private func list(_ json: JSON?) -> [Double] { json?.elements?.compactMap(\.double) ?? [] }
    private func number(_ json: JSON, _ key: String) throws -> Double { try #require(json[key]?.double) }
    private func isNear(_ a: Double, _ b: Double) -> Bool { abs(a - b) <= 1e-12 + 1e-9 * abs(b) }

    @Test func wilsonsIntervalIsThatOfStatsmodels() throws {
        let cases = entries("wilson")
        #expect(cases.count == 6)
        for item in cases {
            let own = ConfidenceInterval.wilson(try number(item, "rate"), of: Int(try number(item, "count")))
            #expect(try isNear(own.low, number(item, "low")))
            #expect(try isNear(own.high, number(item, "high")))
        }
        #expect(ConfidenceInterval.wilson(0, of: 0) == ConfidenceInterval(low: 0, high: 1))
    }

    @Test func mcNemarsExactTestIsThatOfStatsmodels() throws {
        let cases = entries("mcnemar")
        #expect(cases.count == 8)
        for item in cases {
            let (gained, lost) = (Int(try number(item, "gained")), Int(try number(item, "lost")))
            let (own, p) = (McNemarTest.p(gained: gained, lost: lost), try number(item, "p"))
            #expect(isNear(own, p), "\(gained), \(lost): \(own), \(p)")
            #expect(McNemarTest.p(gained: lost, lost: gained) == own)
        }
        // C(6, 0) / 2⁶, twice, by hand.
        #expect(McNemarTest.p(gained: 0, lost: 6) == 1.0 / 32)
    }

    @Test func holmsCorrectionIsThatOfStatsmodels() throws {
        let cases = entries("holm")
        #expect(cases.count == 4)
        for item in cases {
            let (own, theirs) = (HolmCorrection.adjusted(list(item["values"])), list(item["adjusted"]))
            #expect(zip(own, theirs).allSatisfy { isNear($0, $1) } && own.count == theirs.count)
        }
        #expect(HolmCorrection.adjusted([]).isEmpty)
    }

    @Test func thePairedBootstrapIsNumPysOnTheSameDraws() throws {
        let cases = entries("bootstrap")
        #expect(cases.count == 2)
        for item in cases {
            let groups = list(item["groups"]).map { Int($0) }
            let (a, b) = (ItemValues(list(item["a"]), groups: groups), ItemValues(list(item["b"]), groups: groups))
            let bootstrap = PairedBootstrap(
                seed: UInt64(try number(item, "seed")), repetitions: Int(try number(item, "repetitions")))
            let own = try #require(PairedDifference(a, minus: b, bootstrap))
            #expect(isNear(own.value, try number(item, "value")))
            #expect(isNear(own.interval.low, try number(item, "low")))
            #expect(isNear(own.interval.high, try number(item, "high")))
            #expect(own.test == .bootstrap, "groups of different sizes, and shares, are none of McNemar's")
            // Sums of fifths that are 0 on paper are not in floating point, and NumPy adds in another order.
            #expect(abs(own.p - (try number(item, "p"))) <= 8 / Double(bootstrap.repetitions))
            guard let low = item["scipy_low"]?.double, let high = item["scipy_high"]?.double else { continue }
            #expect(abs(own.interval.low - low) < 0.02 && abs(own.interval.high - high) < 0.02)
        }
    }

    @Test func perplexitiesAreComparedByWindows() throws {
        let item = try #require(entries("windows").first)
        func windows(_ key: String) -> [WindowLoss] {
            zip(list(item[key]), list(item["tokens"])).map { WindowLoss(loss: $0, tokens: Int($1)) }
        }
        let bootstrap = PairedBootstrap(
            seed: UInt64(try number(item, "seed")), repetitions: Int(try number(item, "repetitions")))
        let own = try #require(PairedDifference(windows("a"), minus: windows("b"), bootstrap))
        #expect(isNear(own.value, try number(item, "value")))
        #expect(isNear(own.interval.low, try number(item, "low")))
        #expect(isNear(own.interval.high, try number(item, "high")))
        #expect(isNear(own.p, try number(item, "p")))
        #expect(isNear(own.value, Perplexity.estimate(windows("a")).value - Perplexity.estimate(windows("b")).value))
    }

    /// One window, or one prompt, is no proof: whatever is drawn of it is itself.
    @Test func fewItemsAreNeverSure() throws {
        let bootstrap = PairedBootstrap(seed: 1, repetitions: 500)
        let one = try #require(
            PairedDifference(
                [WindowLoss(loss: 9, tokens: 3)], minus: [WindowLoss(loss: 6, tokens: 3)], bootstrap))
        #expect(one.p == 1)
        let three = try #require(
            PairedDifference(ItemValues([0.5, 0.5, 1]), minus: ItemValues([0, 0, 0]), bootstrap))
        #expect(three.p == 0.25, "2 / 2³")
        // (c − b)² aside, (1 + 0) / (2 + 10)² is what Agresti and Min leave of ten prompts that agree.
        let same = ItemValues(Array(repeating: 0, count: 10))
        let none = try #require(PairedDifference(same, minus: same, bootstrap))
        #expect(none.p == 1 && none.test == .mcNemar && none.standardError == 1.0 / 12)
    }

    @Test func pairsTellWhatTwoRatesApartDoNot() throws {
        // 8 of 40 prompts change, all the same way: as independent rates 0.5 and 0.7 would be within two errors.
        let before = (0..<40).map { $0 < 20 ? 1.0 : 0 }
        let after = (0..<40).map { $0 < 28 ? 1.0 : 0 }
        let own = try #require(
            PairedDifference(ItemValues(after), minus: ItemValues(before), PairedBootstrap(seed: 1)))
        #expect(own.test == .mcNemar && own.p == 2 / 256.0)
        #expect(own.interval.low > 0.05 && own.interval.high < 0.35)
        #expect(own == PairedDifference(ItemValues(after), minus: ItemValues(before), PairedBootstrap(seed: 1)))
        #expect(PairedDifference(ItemValues(after), minus: ItemValues([1]), PairedBootstrap(seed: 1)) == nil)
    }

    @Test func theMeanOfTasksCountsTasksAlike() {
        let values = ItemValues([1, 0, 0, 0, 1, 1], groups: [0, 0, 0, 0, 1, 1])
        #expect(values.estimate.value == (0.25 + 1) / 2)
        // The second task has no spread: √(0.25) / 2 of s²/n = 0.25/4.
        #expect(abs(values.estimate.standardError - (0.25 / 4).squareRoot() / 2) < 1e-15)
        #expect(ItemValues.mean(of: [ItemValues([0, 1]), ItemValues([1, 1])]) == ItemValues([0.5, 1]))
    }
}
