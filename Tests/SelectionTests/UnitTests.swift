import Checkpoint
import Selection
import Tensors
import TestSupport
import Testing

/// Units by hand: which weights are of one, how classes are filled, what went where.
@Suite struct UnitTests {
    let files = TemporaryFolder()
    /// Four query heads of width two over two heads of keys and values; six MLP channels.
    private let config = ModelConfig(
        architecture: .llama, layerCount: 1, hiddenSize: 3, intermediateSize: 6, headCount: 4, keyValueHeadCount: 2,
        headDim: 2, vocabularySize: 8, normEpsilon: 1e-5, ropeTheta: 10_000, maxPositions: 16)

    private func mask(_ attention: AttentionUnit, _ units: Set<Int>, mlp: Set<Int> = []) -> Mask {
        let layout = UnitLayout(config, attention: attention)
        let chosen = [units, mlp].enumerated().map { number, set in
            (0..<layout.modules[number].count).map { set.contains($0) }
        }
        return layout.mask(of: chosen, in: config)
    }

    /// Chosen rows (of o and down: columns) of a map; each is chosen whole.
    private func lines(_ mask: Mask, _ map: LinearMap) throws -> Set<Int> {
        let own = try #require(mask[map.weightName(layer: 0)])
        let byColumn = map == .o || map == .down
        var lines: Set<Int> = []
        let count = byColumn ? own.shape.columns : own.shape.rows
        for line in 0..<count {
            let bits = (0..<own.shape.count / count).map { other in
                own.bits[byColumn ? other * own.shape.columns + line : line * own.shape.columns + other]
            }
            #expect(Set(bits).count == 1, "\(map) \(line)")
            if bits[0] { lines.insert(line) }
        }
        return lines
    }

    @Test func aChannelOfTheMLPIsTwoRowsAndAColumn() throws {
        let mask = mask(.head, [], mlp: [1, 5])
        for map in [LinearMap.gate, .up, .down] { #expect(try lines(mask, map) == [1, 5]) }
        for map in [LinearMap.q, .k, .v, .o] { #expect(try lines(mask, map) == []) }
        #expect(mask.count == 2 * 3 * 3)
    }

    /// Keys and values stay as long as a head that reads them does.
    @Test func aHeadLeavesKeysAndValuesToTheOthersOfItsGroup() throws {
        let one = mask(.head, [2])
        #expect(try lines(one, .q) == [4, 5] && lines(one, .o) == [4, 5])
        #expect(try lines(one, .k) == [] && lines(one, .v) == [])
        let both = mask(.head, [2, 3])
        #expect(try lines(both, .q) == [4, 5, 6, 7] && lines(both, .o) == [4, 5, 6, 7])
        #expect(try lines(both, .k) == [2, 3] && lines(both, .v) == [2, 3])
        #expect(mask(.group, [1]) == both)
    }

    @Test func aChannelOfAttentionTakesValuesThatNothingElseReads() throws {
        let one = mask(.channel, [1])
        #expect(try lines(one, .o) == [1] && lines(one, .v) == [] && lines(one, .q) == [])
        let shared = mask(.channel, [1, 3])
        #expect(try lines(shared, .o) == [1, 3] && lines(shared, .v) == [1] && lines(shared, .q) == [])
        #expect(mask(.channel, [4, 5, 6, 7]) == mask(.group, [1]))
    }

    private func settings(_ safety: Double, _ utility: Double, _ redundant: Double) -> UnitSettings {
        var settings = UnitSettings()
        (settings.safety, settings.utility, settings.redundant) = (safety, utility, redundant)
        settings.normalization = .raw
        return settings
    }

    /// Ten units: I_S of attention and MLP, I_U beside them.
    private func classes(_ settings: UnitSettings) -> UnitClasses {
        UnitClasses(
            safety: UnitScores(values: [[9, 1, 5, 5], [0, 0, 8, 1, 1, 3]]),
            utility: UnitScores(values: [[1, 9, 5, 5], [0, 0, 7, 1, 1, 3]]), settings,
            in: UnitLayout(config, attention: .head))
    }

    @Test func classesAreFilledInTheirOrder() {
        let own = classes(settings(20, 10, 30))
        // I_S − I_U: 8, −8, then 1 of the MLP's third; of the sums 0, 0, 2 the earlier 2.
        #expect(own.classes[0] == [.safety, .utility, .complex, .complex])
        #expect(own.classes[1] == [.redundant, .redundant, .safety, .redundant, .complex, .complex])
        #expect(own.counts == [.safety: 2, .utility: 1, .redundant: 3, .complex: 4])
    }

    @Test func aPartOfTheComplexUnitsIsTheFirstOfThem() {
        let own = classes(settings(20, 10, 30))
        func taken(_ order: UnitClasses.Order) -> [[Bool]] { own.chosen([.safety, .complex], complex: 20, by: order) }
        // I_S of the complex ones: 5, 5, 1, 3.
        #expect(taken(.safety) == [[true, false, true, true], [false, false, true, false, false, false]])
        #expect(taken(.sum) == taken(.safety))
        // All differences are 0: the earlier ones.
        #expect(taken(.difference) == taken(.safety))
        #expect(own.chosen([.complex]).joined().count(where: { $0 }) == 4)
        #expect(own.chosen([.complex], complex: 0).joined().count(where: { $0 }) == 0)
    }

    @Test func standardScoresOfUnitsThatAreAllAlikeAreZero() {
        var settings = settings(50, 0, 0)
        settings.normalization = .zscore
        let same = UnitScores(values: [[3, 3, 3, 3], [1, 1, 1, 1, 1, 1]])
        let own = UnitClasses(safety: same, utility: same, settings, in: UnitLayout(config, attention: .head))
        #expect(own.classes[0].allSatisfy { $0 == .safety } && own.classes[1][0] == .safety)
        #expect(own.counts[.safety] == 5)
    }

    @Test func theRangesOfAModelSayHowManyUnitsAClassHas() {
        var settings = settings(20, 30, 10)
        #expect(settings.count(of: .safety, in: config) == 2 && settings.count(of: .complex, in: config) == 4)
        #expect(settings.count(of: .complex, complex: 5, in: config) == 0)
        settings.scope = .layer
        // A fifth of four and of six.
        #expect(settings.count(of: .safety, in: config) == 1)
    }

    @Test func transitionsCountUnits() throws {
        let before = UnitClassFile(classes(settings(20, 10, 30)))
        let after = UnitClassFile(classes(settings(10, 10, 30)))
        try before.write(to: files.file("a"))
        #expect(try UnitClassFile(path: files.file("a")).modules.map(\.classes) == before.modules.map(\.classes))
        let table = try UnitTransitions(from: before, "a", to: after, "b")
        #expect(table.total == 10)
        #expect(table.counts[.safety]?[.safety] == 1 && table.counts[.safety]?[.complex] == 1)
        #expect(table.counts.values.reduce(0) { $0 + $1.values.reduce(0, +) } == 10)
        let other = UnitClassFile(
            UnitClasses(
                safety: UnitScores(values: [[1, 1], [1, 1, 1, 1, 1, 1]]),
                utility: UnitScores(values: [[1, 1], [1, 1, 1, 1, 1, 1]]), settings(1, 1, 1),
                in: UnitLayout(config, attention: .group)))
        #expect(throws: SelectionError.self) { try UnitTransitions(from: before, "a", to: other, "b") }
    }

    @Test func whatANormLeavesOpenIsFrozenOrNot() {
        var biased = config
        biased.attentionInputBias = true
        let plain = RestrictedMask.blocks(0..<1, norms: false, of: biased).maps.map(\.shape.name)
        #expect(plain.contains(LinearMap.q.biasName(layer: 0)) && !plain.contains { $0.hasSuffix("layernorm.weight") })
        let all = RestrictedMask.blocks(0..<1, norms: true, of: biased)
        #expect(all["model.layers.0.input_layernorm.weight"]?.bits.count == 3)
        #expect(RestrictedMask.complement(of: RestrictedMask.layers([0], of: config), config).count == 0)
    }
}
