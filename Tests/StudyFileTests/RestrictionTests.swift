import Checkpoint
import ModelService
import Selection
import StudyFile
import Tensors
import TestSupport
import Testing

@Suite struct RestrictionTests {
    /// 2 × 120 weights of linear maps; embedding and head of 64 × 4 each, five norms of 4.
    private let config = MatrixModel(layers: 2).config

    @Test func bothCountsOfAShare() throws {
        #expect(config.mapWeightCount == 240)
        #expect(config.parameterCount == 240 + 2 * 256 + 5 * 4)
        let maps = Study.WeightShare(.mask, percent: 25, of: .linearMaps)
        #expect(maps.percentOfMaps(config) == 25)
        // A tenth of all 772 parameters is 77.2 of the 240.
        let all = Study.WeightShare(.mask, percent: 10, of: .parameters)
        #expect(abs(all.percentOfMaps(config) - 77.2 / 2.4) < 1e-12)
        let kept = RestrictedWeights(RestrictedMask.layers([1], of: config), of: config)
        #expect(kept == RestrictedWeights(RestrictedMask.layers([0], of: config), of: config))
        #expect(kept.count == 120 && kept.ofMaps == 0.5 && kept.ofParameters == 120.0 / 772)
    }

    /// On Llama-2-7B the published shares of all parameters are the first 10, 20, 30, 50 and 70 % of every linear map.
    @Test func thePublishedSharesAreRoundOnesOfTheMaps() {
        let llama = ModelConfig(
            architecture: .llama, layerCount: 32, hiddenSize: 4096, intermediateSize: 11008, headCount: 32,
            keyValueHeadCount: 32, headDim: 128, vocabularySize: 32_000, normEpsilon: 1e-5, ropeTheta: 10_000,
            maxPositions: 4096)
        #expect(llama.parameterCount == 6_738_415_616)
        for (percent, round) in zip(FineTuneGrid.standardPercents, [0, 10, 20, 30, 50, 70]) {
            let share = Study.WeightShare(.mask, percent: percent)
            #expect(abs(share.percentOfMaps(llama) - Double(round)) < 0.01)
        }
    }

    @Test(
        arguments: [
            (.init(.mask, percent: 31.08), nil),
            (
                .init(.mask, percent: 31.09),
                "31.09 % of all parameters is more than a mask can hold: at most 31.08 % (the linear maps hold 31.08 % of all parameters)"
            ),
            (
                .init(.random, percent: 28, p: 10),
                "28 % of all parameters is more than a mask can hold: at most 27.97 % (the linear maps hold 31.08 % of all parameters; p = 10 spares 10 % of the linear maps)"
            ),
            (.init(.layers, percent: 31, p: 10), nil), (.init(.mask, percent: 100, of: .linearMaps), nil),
            (
                .init(.mask, percent: 95, of: .linearMaps, p: 5.5),
                "95 % of the linear maps is more than a mask can hold: at most 94.50 % (p = 5.5 spares 5.5 % of the linear maps)"
            ),
        ] as [(Study.WeightShare, String?)])
    func whatIsTooMuchNamesTheMost(_ share: Study.WeightShare, _ fault: String?) {
        do throws(InputError) {
            try share.check(config, condition: "x")
            #expect(fault == nil)
        } catch { #expect(error.description == "condition x: \(fault ?? "nothing")") }
    }

    @Test func namesAndWords() {
        #expect(Study.WeightShare(.mask, percent: 9.61).name == "mask-9.61")
        #expect(Study.WeightShare(.layers, percent: 10).name == "layers-10")
        #expect(
            Study.Restriction(.rewind, .share(.init(.mask, percent: 10, of: .linearMaps, p: 3))).title
                == "rewound: 10 % of the linear maps, the top by safety per matrix, utility's first 3 % spared")
        #expect(Study.Restriction(.freeze, .mask(of: "a")).title == "frozen: a")
    }

    @Test func whatNeedsScores() {
        #expect(Study.WeightShare(.mask, percent: 1).needsScores)
        #expect(!Study.WeightShare(.mask, percent: 1).needsUtility)
        #expect(Study.WeightShare(.mask, percent: 1, p: 1).needsUtility)
        #expect(!Study.WeightShare(.random, percent: 1, p: 1).needsUtility)
        #expect(Study.WeightShare(.random, percent: 1, group: .model).needsScores)
        #expect(!Study.WeightShare(.layers, percent: 1, layerOrder: .last).needsScores)
        #expect(Study.WeightShare(.layers, percent: 1).needsScores)
    }
}
