import Datasets
import Evaluation
import Reporting
import Selection
import StudyFile
import StudyReport
import StudySupport
import Testing

@Suite struct ClaimsTests {
    /// The outcome of the claim whose words begin like this.
    private func outcome(
        _ claim: String, _ points: [GridPoint], jaccard: [Overlap.Value] = [], unedited: GridPoint = Fake.unedited
    ) throws -> Finding.Outcome {
        let evidence = try #require(Evidence([unedited] + points, jaccard: jaccard))
        let findings = Claims.findings(evidence).filter { $0.claim.hasPrefix(claim) }
        #expect(findings.count == 1, "\(claim): \(findings.count)")
        return try #require(findings.first).outcome
    }

    @Test func anEmptyStudyMeasuresNothing() throws {
        let evidence = try #require(Evidence([Fake.point("u", .unedited)]))
        let findings = Claims.findings(evidence)
        #expect(findings.count { $0.system == findings[0].system } == 15, "the paper's")
        #expect(Set(findings.map(\.system)).count == 11 && Set(findings.map(\.claim)).count == findings.count)
        #expect(findings.allSatisfy { $0.outcome == .unmeasured })
        #expect(Evidence([]) == nil)
        // With nothing but the unedited model measured, too.
        #expect(Claims.findings(try #require(Evidence([Fake.unedited]))).allSatisfy { $0.outcome == .unmeasured })
    }

    @Test(
        arguments: [
            (0.6, 0.59, Finding.Outcome.holds), (0.06, 0.6, .open), (0.6, 0.4, .fails), (0.6, 0.565, .open),
            (0.08, 0.3, .open),
        ]
            as [(Double, Double, Finding.Outcome)])
    func setDifferenceRaisesASR(asr: Double, acc: Double, expected: Finding.Outcome) throws {
        let point = Fake.point("s", .setDifference, asr: asr, acc: acc, zeroed: 0.01)
        #expect(try outcome("Removing set-difference weights", [point]) == expected)
    }

    @Test func aRiseThatCostsAccuracyDoesNotHoldThoughAnotherPointIsAccurate() throws {
        let points = [
            Fake.point("mild", .setDifference, asr: 0.06, acc: 0.6),
            Fake.point("s", .setDifference, asr: 0.9, acc: 0.3),
        ]
        #expect(try outcome("Removing set-difference weights", points) == .fails)
        #expect(try outcome("Removing safety ranks", points) == .unmeasured)
    }

    @Test func withoutQuestionsUtilityIsNotMeasured() throws {
        let bare = Fake.point("unedited", .unedited, asr: 0.05)
        let point = Fake.point("s", .setDifference, asr: 0.6, zeroed: 0.01)
        #expect(try outcome("Removing set-difference weights", [point], unedited: bare) == .unmeasured)
    }

    @Test(arguments: [(0.02, Finding.Outcome.holds), (0.2, .fails)] as [(Double, Finding.Outcome)])
    func fewWeightsAreEnough(zeroed: Double, expected: Finding.Outcome) throws {
        let point = Fake.point("s", .setDifference, asr: 0.6, acc: 0.6, zeroed: zeroed)
        #expect(try outcome("Safety hangs on few", [point]) == expected)
    }

    @Test(arguments: [(0.05, Finding.Outcome.holds), (0.55, .open), (0.95, .fails)] as [(Double, Finding.Outcome)])
    func againstRandomEdits(random: Double, expected: Finding.Outcome) throws {
        let points = [
            Fake.point("s", .setDifference, asr: 0.6, acc: 0.6, zeroed: 0.01),
            Fake.point("r", .randomWeights, asr: random, acc: 0.6, zeroed: 0.01, like: "s"),
        ]
        #expect(try outcome("Removing the set difference breaks", points) == expected)
        #expect(try outcome("Random edits of the same size", points) == (random < 0.1 ? .holds : .fails))
    }

    @Test func fewPromptsShowNoSameness() throws {
        let points = [
            Fake.point("s", .setDifference, asr: 0.6, acc: 0.6, zeroed: 0.01, count: 8),
            Fake.point("r", .randomWeights, asr: 0, acc: 0.6, zeroed: 0.01, like: "s", count: 8),
        ]
        let unedited = Fake.point("unedited", .unedited, asr: 0, acc: 0.6, count: 8)
        #expect(try outcome("Random edits of the same size", points, unedited: unedited) == .open)
    }

    @Test(arguments: [(0.3, Finding.Outcome.holds), (0.6, .fails), (0.62, .fails)] as [(Double, Finding.Outcome)])
    func topScoresAloneCostAccuracy(acc: Double, expected: Finding.Outcome) throws {
        let points = [
            Fake.point("s", .setDifference, asr: 0.6, acc: 0.6, zeroed: 0.01),
            // Compared at the set difference's size: not this one.
            Fake.point("huge", .top, asr: 0, acc: acc < 0.5 ? 0.6 : 0.2, zeroed: 0.5),
            Fake.point("near", .top, asr: 0, acc: acc, zeroed: 0.012),
        ]
        #expect(try outcome("Removing the weights with the top safety", points) == expected)
    }

    @Test(
        arguments: [(0.05, 0.6, Finding.Outcome.holds), (0.6, 0.05, .fails), (0.3, 0.32, .open)]
            as [(Double, Double, Finding.Outcome)])
    func projectionStaysFluent(ranks: Double, weights: Double, expected: Finding.Outcome) throws {
        let points = [
            Fake.point("s", .setDifference, asr: 0.6, acc: 0.6, degenerate: weights, zeroed: 0.01),
            Fake.point("o", .orthogonalProjection, asr: 0.6, acc: 0.6, degenerate: ranks, ranks: 0.01),
        ]
        #expect(try outcome("The orthogonal projection keeps text fluent", points) == expected)
    }

    @Test(arguments: [(0.2, Finding.Outcome.holds), (0.5, .fails), (0.75, .fails)] as [(Double, Finding.Outcome)])
    func leastCriticalWeights(asr: Double, expected: Finding.Outcome) throws {
        let unedited = Fake.point("unedited", .unedited, asr: 0.5, acc: 0.6)
        let point = Fake.point("b", .bottom, asr: asr, acc: 0.6, zeroed: 0.1)
        #expect(try outcome("Removing the least safety-critical weights", [point], unedited: unedited) == expected)
        #expect(try outcome("Removing the least safety-critical ranks", [point], unedited: unedited) == .unmeasured)
    }

    @Test(arguments: [(0.05, Finding.Outcome.holds), (0.3, .holds), (0.65, .fails)] as [(Double, Finding.Outcome)])
    func probedHeads(asr: Double, expected: Finding.Outcome) throws {
        let points = [
            Fake.point("s", .setDifference, asr: 0.6, acc: 0.6, zeroed: 0.01),
            Fake.point("h", .headsTop, asr: asr, acc: 0.6, zeroed: 0.01),
        ]
        #expect(try outcome("Removing the attention heads", points) == expected)
    }

    @Test func attentionAndMLPMaps() throws {
        func values(mlp: [Double], attention: [Double]) -> [Overlap.Value] {
            zip(["gate_proj", "up_proj", "down_proj"], mlp).map {
                .init(map: "model.layers.0.mlp.\($0).weight", value: $1, sizes: [1, 1])
            }
                + zip(["q_proj", "k_proj", "v_proj"], attention).map {
                    .init(map: "model.layers.0.self_attn.\($0).weight", value: $1, sizes: [1, 1])
                }
        }
        let low = values(mlp: [0.1, 0.11, 0.12], attention: [0.3, 0.31, 0.32])
        #expect(
            try outcome(
                "MLP maps separate safety from utility more than attention maps do, by weights", [], jaccard: low)
                == .holds)
        let high = values(mlp: [0.3, 0.31, 0.32], attention: [0.1, 0.11, 0.12])
        #expect(MapClaims.separates(high, symbol: "φ", name: "ranks").outcome == .fails)
        let mixed = values(mlp: [0.1, 0.3, 0.2], attention: [0.1, 0.3, 0.21])
        let finding = MapClaims.separates(mixed, symbol: "φ", name: "ranks")
        #expect(finding.outcome == .open)
        // s = 0.1, / √3.
        #expect(finding.evidence.contains("Mean φ of 3 MLP maps 0.200 ± 0.058"))
    }

    @Test(
        arguments: [
            (0.9, 0.9, 50, Finding.Outcome.holds), (0.2, 0.9, 50, .fails), (0.06, 0.05, 50, .open),
            (0.2, 0.9, 10, .unmeasured),
        ] as [(Double, Double, Int, Finding.Outcome)])
    func freezing(frozen: Double, free: Double, examples: Int, expected: Finding.Outcome) {
        let pair = FreezingClaim.Pair(
            name: "f", examples: examples, restricted: Fake.rate(frozen), free: Fake.rate(free),
            unedited: Fake.rate(0.05))
        #expect(FreezingClaim.finding([pair], unedited: Fake.rate(0.05)).outcome == expected)
    }

    @Test func freezingOfAStudysConditions() throws {
        var free = Fake.point("free", .fineTuned, asr: 0.9, acc: 0.6)
        var frozen = Fake.point("frozen", .fineTunedFrozen, asr: 0.9, acc: 0.6)
        (free.examples, frozen.examples) = (100, 100)
        (free.training, frozen.training) = ("5 epochs", "5 epochs")
        #expect(try outcome("Freezing or rewinding", [free, frozen]) == .unmeasured, "random weights do not count")
        frozen.kept = .safetyWeights
        #expect(try outcome("Freezing or rewinding", [free, frozen]) == .holds)
        frozen.examples = 60
        #expect(try outcome("Freezing or rewinding", [free, frozen]) == .unmeasured)
    }
}
