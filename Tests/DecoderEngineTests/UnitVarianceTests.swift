import Checkpoint
import ModelFixtures
import Protocol
import Selection
import Tensors
import Testing

/// Units of SSAH against PyTorch (scripts/fixtures/make_units.py): variances, scores, classes, removal.
@Suite struct UnitVarianceTests {
    private static let labels = ["0", "1"]

    private func expected(_ fixture: Fixture) throws -> TensorBundle {
        try TensorBundle(safetensors: fixture.path + "/units.safetensors")
    }

    private func sequences(_ fixture: Fixture) throws -> [TokenSequence] {
        try fixture.sequences().enumerated().map { number, sequence in
            TokenSequence(tokens: sequence.tokens, scoredFrom: sequence.scoredFrom, group: number % 2)
        }
    }

    private func sums(
        _ fixture: Fixture, _ statistic: UnitVariance, _ batches: [Batch], cuts: [Int] = [], threads: Int = 1,
        memoryBytes: Int = 1 << 30
    ) throws -> [TensorBundle.Entry] {
        let pipeline = try LocalPipeline(fixture, cuts: cuts, threads: threads, memoryBytes: memoryBytes)
        return try pipeline.run(.score(statistics: [statistic.request(classes: 2)], batches: batches))
            .flatMap(\.entries)
    }

    private func finished(
        _ fixture: Fixture, _ statistic: UnitVariance, _ batches: [Batch]
    ) throws -> TensorBundle {
        let combined = TensorBundle(entries: try sums(fixture, statistic, batches, cuts: [1]))
        return TensorBundle(entries: try statistic.finished(combined, classes: Self.labels))
    }

    private func error(_ a: TensorBundle.Entry, _ b: TensorBundle.Entry) -> Double {
        relativeError(a.buffer.doubleArray().map { Float($0) }, b.buffer.doubleArray().map { Float($0) })
    }

    @Test(arguments: Fixture.names, UnitVariance.Tokens.allCases) func variancesMatchPyTorch(
        _ name: String, _ tokens: UnitVariance.Tokens
    ) throws {
        let fixture = try Fixture(name)
        let theirs = try expected(fixture)
        let statistic = try UnitVariance(options: ["tokens": tokens.rawValue])
        let own = try finished(fixture, statistic, [Batch(sequences: try sequences(fixture))])
        var compared = 0
        for entry in theirs.entries where entry.name.hasPrefix("variance.\(tokens.rawValue).") {
            let name = "variance." + entry.name.dropFirst("variance.\(tokens.rawValue).".count)
            let found = try #require(own[name], "\(name)")
            #expect(found.type == .f64 && found.shape == entry.shape)
            #expect(error(found, entry) < 1e-5, "\(name): \(error(found, entry))")
            compared += 1
        }
        #expect(compared == 4 * fixture.source.config.layerCount)
    }

    @Test(arguments: Fixture.names) func anyStagesThreadsAndMemoryGiveTheSameBits(_ name: String) throws {
        let fixture = try Fixture(name)
        let statistic = try UnitVariance(options: [:])
        let batches = try sequences(fixture).map { Batch(sequences: [$0, $0]) }
        func bytes(_ entries: [TensorBundle.Entry]) -> [String: [UInt8]] {
            Dictionary(uniqueKeysWithValues: entries.map { ($0.name, $0.buffer.byteArray()) })
        }
        let golden = bytes(try sums(fixture, statistic, batches))
        #expect(golden.count == 6 * fixture.source.config.layerCount)
        for shape in JobTests.shapes {
            #expect(bytes(try sums(fixture, statistic, batches, cuts: shape.cuts, threads: shape.threads)) == golden)
        }
        #expect(bytes(try sums(fixture, statistic, batches, memoryBytes: 1)) == golden)
    }

    /// Three blocks, folded in their order, are one.
    @Test func blocksAddUpToTheWhole() throws {
        let fixture = try Fixture("llama_gqa_llama3_tied")
        let statistic = try UnitVariance(options: [:])
        let all = try sequences(fixture)
        let whole = try finished(fixture, statistic, [Batch(sequences: all)])
        var folded = try sums(fixture, statistic, [Batch(sequences: [all[0]])])
        for part in [[all[1], all[2]], [all[3]]] {
            let next = try sums(fixture, statistic, [Batch(sequences: part)])
            folded = zip(folded, next).map { a, b in
                let values = zip(a.buffer.doubleArray(), b.buffer.doubleArray()).map { $0 + $1 }
                return .init(name: a.name, type: .f64, shape: a.shape, buffer: AlignedBuffer(doubles: values))
            }
        }
        let parts = TensorBundle(
            entries: try statistic.finished(TensorBundle(entries: folded), classes: Self.labels))
        for entry in whole.entries {
            let other = try #require(parts[entry.name])
            for (a, b) in zip(entry.buffer.doubleArray(), other.buffer.doubleArray()) {
                #expect(abs(a - b) <= 1e-6 * max(1e-9, abs(a)), "\(entry.name): \(a), \(b)")
            }
        }
    }

    /// What examples begin with alike counts once for each of them.
    @Test func aSharedBeginningCountsForEachExample() throws {
        let fixture = try Fixture("qwen2")
        let head = try sequences(fixture)[1].tokens
        let all = try sequences(fixture).map { sequence in
            TokenSequence(
                tokens: head + sequence.tokens, scoredFrom: head.count + sequence.scoredFrom, group: sequence.group)
        }
        let groups = SequenceGroup.sharingPrefix(all, name: "p", maximumTokens: 1000)
        for tokens in UnitVariance.Tokens.allCases {
            let statistic = try UnitVariance(options: ["tokens": tokens.rawValue])
            let alone = try finished(fixture, statistic, all.map { Batch(sequences: [$0]) })
            let once = try finished(fixture, statistic, [Batch(sequences: groups.flatMap(\.sequences))])
            #expect(alone["count.0"]?.buffer.doubleArray() == once["count.0"]?.buffer.doubleArray())
            for entry in alone.entries {
                let other = try #require(once[entry.name])
                #expect(error(other, entry) < 1e-5, "\(tokens) \(entry.name)")
            }
        }
    }

    private func settings(
        _ attention: AttentionUnit, _ normalization: UnitScores.Normalization, _ scope: UnitSettings.Scope
    ) -> UnitSettings {
        var settings = UnitSettings()
        (settings.attention, settings.normalization, settings.scope) = (attention, normalization, scope)
        (settings.safety, settings.utility, settings.redundant) = (10, 15, 20)
        return settings
    }

    /// Of PyTorch's own variances, so that no rounding decides a rank.
    private func classes(
        _ fixture: Fixture, _ theirs: TensorBundle, _ settings: UnitSettings
    ) throws -> UnitClasses {
        let prefix = "variance.all."
        let statistic = TensorBundle(
            entries: theirs.entries.filter { $0.name.hasPrefix(prefix) }.map {
                .init(
                    name: "variance." + $0.name.dropFirst(prefix.count), type: $0.type, shape: $0.shape,
                    buffer: $0.buffer)
            })
        let layout = UnitLayout(fixture.source.config, attention: settings.attention)
        let norms = try UnitNorms(fixture.source, layout)
        return UnitClasses(
            safety: try UnitScores(statistic, of: "0", norms: norms, in: layout),
            utility: try UnitScores(statistic, of: "1", norms: norms, in: layout), settings, in: layout)
    }

    @Test(arguments: Fixture.names) func scoresAndClassesMatchPyTorch(_ name: String) throws {
        let fixture = try Fixture(name)
        let theirs = try expected(fixture)
        for attention in [AttentionUnit.head, .channel] {
            for normalization in UnitScores.Normalization.allCases {
                for scope in UnitSettings.Scope.allCases {
                    let settings = settings(attention, normalization, scope)
                    let own = try classes(fixture, theirs, settings)
                    for (module, kinds) in zip(own.layout.modules, own.classes) {
                        let name = "class.\(attention).\(normalization).\(scope).\(module.weight)"
                        let numbers = try #require(theirs[name], "\(name)").buffer.byteArray()
                        #expect(kinds.map { UInt8(UnitClass.allCases.firstIndex(of: $0)!) } == numbers, "\(name)")
                    }
                    let counts = own.counts
                    #expect(counts.values.reduce(0, +) == own.layout.count)
                    for kind in UnitClass.allCases {
                        #expect(counts[kind] == settings.count(of: kind, in: fixture.source.config))
                    }
                }
            }
        }
        let layout = UnitLayout(fixture.source.config, attention: .channel)
        let norms = try UnitNorms(fixture.source, layout)
        for (module, squares) in zip(layout.modules, norms.squares) {
            let variance = try #require(theirs["variance.all.0.\(module.weight)"]).buffer.doubleArray()
            let score = try #require(theirs["score.0.\(module.weight)"]).buffer.doubleArray()
            for channel in score.indices {
                #expect(abs(variance[channel] * squares[channel] - score[channel]) <= 1e-12 * score[channel])
            }
        }
    }

    /// Rows of gate and up, columns of down, columns of o: together the same as zeros at the projections' inputs.
    @Test(arguments: Fixture.names) func removalIsThatOfTheChannels(_ name: String) throws {
        let fixture = try Fixture(name)
        let theirs = try expected(fixture)
        let own = try classes(fixture, theirs, settings(.head, .zscore, .global))
        let mask = own.layout.mask(of: own.chosen([.safety, .redundant]), in: fixture.source.config)
        let text = TaskBody.likelihood(batches: [Batch(sequences: try fixture.sequences())])
        let pipeline = try LocalPipeline(fixture, cuts: [1])
        func values() throws -> [Float] {
            let result = TensorBundle(entries: try pipeline.run(text).flatMap(\.entries))
            return try #require(result["log_probability"]).buffer.floatArray()
        }
        let before = try values()
        try pipeline.apply(ZeroedWeights(mask).bundle)
        let removed = try values()
        let reference = try #require(theirs["removed.log_probability"]).buffer.floatArray()
        #expect(relativeError(removed, reference) < 1e-4, "\(relativeError(removed, reference))")
        #expect(relativeError(before, reference) > 1e-3)
        try pipeline.apply(nil)
        #expect(try values() == before)
    }
}
