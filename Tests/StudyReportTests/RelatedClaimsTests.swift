import Evaluation
import Reporting
import StudyFile
import StudyReport
import StudySupport
import Testing

/// Claims of the related systems, each on points of the test's own.
@Suite struct RelatedClaimsTests {
    /// The one finding whose claim begins like this.
    private func finding(
        _ claim: String, _ points: [GridPoint], defences: [GridPoint] = [], unedited: GridPoint = Self.unedited
    ) throws -> Finding {
        let evidence = try #require(Evidence([unedited] + points, defences: defences))
        let findings = Claims.findings(evidence).filter { $0.claim.hasPrefix(claim) }
        #expect(findings.count == 1, "\(claim): \(findings.count)")
        return try #require(findings.first)
    }

    private static let unedited = Fake.point(
        "unedited", .unedited, asr: 0.05, acc: 0.6, answered: 0.05, overRefusal: 0.05)

    private func along(_ name: String, _ value: Double) -> [GridPoint.Axis] { [.init(name, "\(value)", value)] }

    @Test(arguments: [(0.6, 0.59, Finding.Outcome.holds), (0.6, 0.4, .fails)] as [(Double, Double, Finding.Outcome)])
    func aDirectionTakenAway(asr: Double, acc: Double, expected: Finding.Outcome) throws {
        for (kind, claim) in [
            (MethodFamily.Kind.directionAblated, "Ablating one direction"),
            (.directionOrthogonal, "Taking one direction out"),
        ] {
            let own = try finding(claim, [Fake.point("d", kind, asr: asr, acc: acc)])
            #expect(own.outcome == expected && own.system.contains("2406.11717"))
            #expect(own.evidence.hasSuffix("Judged by: gated ASR paper-1."))
            #expect(try finding(claim, [Fake.point("d", .directionSubtracted, asr: asr)]).outcome == .unmeasured)
        }
    }

    @Test(arguments: [(0.5, Finding.Outcome.holds), (0.05, .fails)] as [(Double, Finding.Outcome)])
    func aDirectionAdded(refused: Double, expected: Finding.Outcome) throws {
        var point = Fake.point("d", .directionAdded, asr: 0, overRefusal: refused)
        point.axes = along("strength", 1)
        let own = try finding("Adding the direction", [point])
        #expect(own.outcome == expected && own.evidence.hasSuffix("Judged by: over-refusal faultline-1."))
        point.axes = along("strength", -1)
        #expect(try finding("Adding the direction", [point]).outcome == .unmeasured, "that is subtracting")
    }

    @Test(arguments: [(0.05, Finding.Outcome.holds), (0.55, .fails), (0.95, .fails)] as [(Double, Finding.Outcome)])
    func unitsAgainstRandomWeights(random: Double, expected: Finding.Outcome) throws {
        let claim = "Removing safety-critical units raises ASR more"
        let units = [
            Fake.point("s", .safetyUnits, asr: 0.6, acc: 0.6, zeroed: 0.01),
            // A better point without a control is not the one that is compared.
            Fake.point("t", .safetyUnits, asr: 0.9, acc: 0.6, zeroed: 0.03),
        ]
        let control = Fake.point("r", .randomWeights, asr: random, acc: 0.6, zeroed: 0.01, like: "s")
        let own = try finding(claim, units + [control])
        #expect(own.outcome == expected && own.evidence.hasPrefix("s: "))
        let other = Fake.point("r", .randomWeights, asr: random, acc: 0.6, zeroed: 0.01, like: "x")
        #expect(try finding(claim, units + [other]).outcome == .unmeasured)
        #expect(try finding("Removing safety-critical units raises ASR while", units).outcome == .holds)
    }

    @Test(
        arguments: [
            (0.1, 0.9, Finding.Outcome.holds), (0.9, 0.9, .fails), (0.05, 0.06, .open),
        ] as [(Double, Double, Finding.Outcome)])
    func freezingUnitsAndLayers(frozen: Double, free: Double, expected: Finding.Outcome) throws {
        var (own, peer) = (
            Fake.point("frozen", .fineTunedFrozen, asr: frozen), Fake.point("free", .fineTuned, asr: free)
        )
        (own.training, peer.training, own.examples, peer.examples) = ("5 epochs", "5 epochs", 20, 20)
        let claims: [(KeptWeights, String)] = [
            (.safetyUnits, "Freezing the safety-critical units"), (.layers, "Freezing the safety layers"),
        ]
        for (kept, claim) in claims {
            own.kept = kept
            #expect(try finding(claim, [own, peer]).outcome == expected)
            own.kept = .safetyWeights
            #expect(try finding(claim, [own, peer]).outcome == .unmeasured)
            var other = own
            (other.kept, other.examples) = (kept, 30)
            #expect(try finding(claim, [other, peer]).outcome == .unmeasured)
        }
    }

    /// ASR and over-refusal of each point; the unedited model's are 0.05 and the last number.
    @Test(
        arguments: [
            ([(0.05, 0.1)], 0.5, Finding.Outcome.holds),
            // The second lowers more, at a price.
            ([(0.05, 0.2), (0.6, 0.05)], 0.5, .holds), ([(0.5, 0.1)], 0.5, .fails), ([(0.12, 0.1)], 0.5, .open),
            ([(0.05, 0.5)], 0.5, .fails), ([(0.05, 0.9)], 0.5, .fails), ([(0.05, 0.05)], 0.05, .open),
        ] as [([(asr: Double, refused: Double)], Double, Finding.Outcome)])
    func scansSteering(points: [(asr: Double, refused: Double)], unedited: Double, expected: Finding.Outcome) throws {
        let own = Fake.point("unedited", .unedited, asr: 0.05, overRefusal: unedited)
        var steered = points.enumerated().map {
            Fake.point("s\($0)", .scans, asr: $1.asr, overRefusal: $1.refused)
        }
        for place in steered.indices { steered[place].axes = along("alpha", 3.5) }
        #expect(try finding("Steering with SCANS", steered, unedited: own).outcome == expected)
        for place in steered.indices { steered[place].axes = along("alpha", -3.5) }
        #expect(try finding("Steering with SCANS", steered, unedited: own).outcome == .unmeasured)
    }

    @Test(
        arguments: [
            (0.1, 0.1, Finding.Outcome.holds), (0.1, 0.6, .fails), (0.5, 0.1, .fails),
        ] as [(Double, Double, Finding.Outcome)])
    func patches(asr: Double, refused: Double, expected: Finding.Outcome) throws {
        let own = Fake.point("unedited", .unedited, asr: 0.5, overRefusal: 0.1)
        let patched = Fake.point("p", .safePatched, asr: asr, overRefusal: refused)
        let found = try finding("SafePatching lowers", [patched], unedited: own)
        #expect(found.outcome == expected)
        #expect(found.evidence.hasSuffix("Judged by: gated ASR paper-1, over-refusal faultline-1."))
        let bare = Fake.point("p", .safePatched, asr: asr)
        #expect(try finding("SafePatching lowers", [bare], unedited: own).outcome == .unmeasured)
    }

    private func moved(_ places: [(alpha: Double, asr: Double)], along direction: String = "d") -> [GridPoint] {
        places.map {
            var point = Fake.point("\(direction)\($0.alpha)", .landscape, asr: 0, answered: $0.asr)
            point.move = LandscapeMove(direction: direction, alpha: $0.alpha)
            return point
        }
    }

    @Test func smallMoves() throws {
        let claim = "Small random moves"
        #expect(try finding(claim, moved([(0.1, 0.05), (-0.1, 0.05), (0.4, 1)])).outcome == .holds)
        #expect(try finding(claim, moved([(0.1, 0.05), (-0.1, 0.5)])).outcome == .fails)
        #expect(try finding(claim, moved([(0.2, 0.05)])).outcome == .unmeasured)
    }

    @Test func aSteepWallAndASlope() throws {
        let claim = "Larger random moves"
        let wall = moved([(0.3, 0.9), (0.1, 0.05), (0.2, 0.05), (0.4, 0.95)])
        let found = try finding(claim, wall)
        #expect(
            found.outcome == .holds && found.evidence.contains("d0.2: ASR 0.05") && found.system.contains("landscape"))
        let slope = moved([(-0.1, 0.25), (-0.2, 0.5), (-0.3, 0.7), (-0.4, 0.9)], along: "e")
        #expect(try finding(claim, slope).outcome == .fails)
        #expect(try finding(claim, wall + slope).outcome == .open, "one of each")
        let flat = moved([(-0.1, 0.05), (-0.2, 0.05), (-0.3, 0.05), (-0.4, 0.05)])
        #expect(try finding(claim, flat).outcome == .open)
        #expect(try finding(claim, wall + flat).outcome == .holds, "the flat side loses nothing")
        // The quarter of the way is 0.1, and nothing lies between 0.1 and 0.3.
        #expect(try finding(claim, [wall[0], wall[1], wall[3]]).outcome == .unmeasured)
    }

    @Test(
        arguments: [
            (0.8, 0.1, 0.6, Finding.Outcome.holds), (0.8, 0.1, 0.3, .fails), (0.8, 0.8, 0.6, .fails),
            (0.06, 0.01, 0.6, .open),
        ] as [(Double, Double, Double, Finding.Outcome)])
    func repairs(tuned: Double, repaired: Double, acc: Double, expected: Finding.Outcome) throws {
        let lora = Fake.point("lora", .fineTunedLoRA, asr: tuned, acc: 0.6)
        let repairs: [(MethodFamily.Kind, String)] = [
            (.taskVector, "Adding the safety vector"), (.antidote, "Antidote"), (.antidoteFactors, "Antidote"),
            (.safeLoRA, "Safe LoRA"),
        ]
        for (kind, claim) in repairs {
            var point = Fake.point("r", kind, asr: repaired, acc: acc)
            #expect(try finding(claim, [lora, point]).outcome == .unmeasured, "of nothing that was fine-tuned")
            point.of = "lora"
            #expect(try finding(claim, [lora, point]).outcome == expected)
        }
    }

    /// Model itself: unsafe answers 0.6, abstentions 0.05.
    @Test(
        arguments: [
            (0.1, 0.05, Finding.Outcome.holds, Finding.Outcome.fails), (0.1, 0.6, .holds, .holds),
            (0.6, 0.05, .fails, .fails), (0.95, 0.05, .fails, .fails),
        ] as [(Double, Double, Finding.Outcome, Finding.Outcome)])
    func defencesInThePrompt(unsafe: Double, refused: Double, lowers: Finding.Outcome, abstains: Finding.Outcome) throws
    {
        let own = Fake.point("unedited", .unedited, asr: 0, answered: 0.6, overRefusal: 0.05)
        var point = Fake.point("i", .defended, answered: unsafe, overRefusal: refused)
        point.strategy = .instruction
        let first = try finding("A defence in the prompt (", [], defences: [point], unedited: own)
        #expect(first.outcome == lowers && first.evidence.hasSuffix("Judged by: ASR faultline-1."))
        #expect(try finding("A defence in the prompt raises", [], defences: [point], unedited: own).outcome == abstains)
        #expect(try finding("Knowledge before", [], defences: [point], unedited: own).outcome == .unmeasured)
        point.strategy = .knowledge
        let knowledge = try finding("Knowledge before", [], defences: [point], unedited: own)
        #expect(knowledge.outcome == (unsafe > 0.6 ? .holds : .fails))
        #expect(try finding("A defence in the prompt (", [], defences: [point], unedited: own).outcome == .unmeasured)
        // Of a model that answers little there is little to lower.
        (point.strategy, point.of) = (.instruction, "safe")
        let safe = Fake.point("safe", .fineTuned, answered: 0.05, overRefusal: 0.05)
        point.answered = [Fake.rate(0.05)]
        #expect(try finding("A defence in the prompt (", [safe], defences: [point], unedited: own).outcome == .open)
    }

    /// 8 of 40 prompts fewer: McNemar's p is 2 / 2⁸.
    @Test(
        arguments: [(1, Finding.Outcome.holds, "p 0.0078"), (21, .open, "p 0.16")] as [(Int, Finding.Outcome, String)])
    func aGridOfRepairsIsCorrected(points: Int, expected: Finding.Outcome, words: String) throws {
        func point(_ name: String, _ kind: MethodFamily.Kind, hits: Int) -> GridPoint {
            var point = Fake.point(name, kind, acc: 0.6)
            let success = ItemValues((0..<40).map { $0 < hits ? 1 : 0 })
            let answers = ItemValues((0..<100).map { $0 < 60 ? 1 : 0 })
            point.items = PointItems(gated: [success], accuracy: answers)
            (point.gated, point.accuracy) = ([success.estimate], answers.estimate)
            return point
        }
        var repaired = (0..<points).map { point("r\($0)", .taskVector, hits: $0 == 0 ? 20 : 27) }
        for place in repaired.indices { repaired[place].of = "lora" }
        let own = try finding(
            "Adding the safety vector", [point("lora", .fineTunedLoRA, hits: 28)] + repaired,
            unedited: point("unedited", .unedited, hits: 0))
        #expect(own.outcome == expected && own.evidence.contains(words))
    }
}
