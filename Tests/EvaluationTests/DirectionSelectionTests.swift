import Evaluation
import Testing

/// The published selection on tables made by hand, of a model of 10 layers.
@Suite struct DirectionSelectionTests {
    private let rules = DirectionSelection()

    private func candidate(
        _ position: Int, _ layer: Int, _ refusal: Double?, induced: Double? = 1, kl: Double? = 0.05
    ) -> DirectionCandidate {
        .init(position: position, layer: layer, refusal: refusal, induced: induced, divergence: kl)
    }

    private func choice(_ candidates: [DirectionCandidate]) -> DirectionCandidate? {
        rules.choice(candidates, layers: 10).map { candidates[$0] }
    }

    @Test func theLowestRefusalUnderAblationIsChosen() {
        let best = candidate(-2, 4, -5)
        #expect(choice([candidate(-1, 3, -4.9), best, candidate(-1, 5, 3)]) == best)
    }

    @Test func everyRuleLeavesItsOwnOut() {
        let good = candidate(-1, 2, -1)
        let out: [(DirectionCandidate, DirectionSelection.Exclusion)] = [
            (candidate(-1, 3, .nan), .notANumber), (candidate(-1, 3, -9, induced: .nan), .notANumber),
            (candidate(-1, 3, -9, kl: .nan), .notANumber), (candidate(-1, 3, -9, kl: nil), .notANumber),
            (candidate(-1, 8, -9), .layer), (candidate(-1, 9, nil, induced: nil, kl: nil), .layer),
            (candidate(-1, 3, -9, kl: 0.2), .divergence), (candidate(-1, 3, -9, kl: .infinity), .divergence),
            (candidate(-1, 3, -9, induced: -0.01), .induced),
        ]
        for (other, exclusion) in out {
            #expect(rules.exclusion(other, layers: 10) == exclusion)
            #expect(choice([other, good, other]) == good)
            #expect(choice([other]) == nil)
        }
        #expect(rules.exclusion(good, layers: 10) == nil)
    }

    /// The published code drops what is above the bounds, and what is below: the bounds themselves stay.
    @Test func boundsThemselvesStay() {
        let edge = candidate(-1, 7, -9, induced: 0, kl: 0.1)
        #expect(choice([candidate(-1, 2, -1), edge]) == edge)
        #expect(rules.layerLimit(of: 24) == 19 && rules.layerLimit(of: 32) == 25 && rules.layerLimit(of: 5) == 4)
    }

    /// The published code goes through positions, then layers, and keeps the first of equals.
    @Test func ofEqualsTheEarlierPositionThenTheLowerLayer() {
        let (first, second, third) = (candidate(-3, 5, -2), candidate(-1, 4, -2), candidate(-1, 6, -2))
        #expect(choice([third, second, first]) == first)
        #expect(choice([third, second]) == second)
    }

    @Test func rulesCanBeLoosened() {
        var loose = DirectionSelection()
        (loose.kl, loose.layersBelow, loose.induce) = (1, 1, -5)
        let other = candidate(-1, 9, -9, induced: -4, kl: 0.9)
        #expect(loose.choice([candidate(-1, 2, -1), other], layers: 10) == 1)
    }
}
