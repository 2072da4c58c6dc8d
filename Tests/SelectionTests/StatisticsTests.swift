import Checkpoint
import Protocol
import Selection
import Tensors
import TestSupport
import Testing

/// Statistics and scores are found by their names, and by no other.
@Suite struct StatisticsTests {
    @Test(arguments: Statistics.all.map { $0.name }) func aStatisticIsFoundByTheNameItTravelsUnder(_ name: String)
        throws
    {
        let statistic = try Statistics.named(name)
        #expect(type(of: statistic).name == name)
        let request = statistic.request(layer: 3, classes: 2)
        let again = try request.statistic()
        #expect(again.request(layer: 3, classes: 2) == request)
    }

    @Test func noTwoStatisticsOrScoresShareAName() {
        #expect(Set(Statistics.names).count == Statistics.all.count)
        #expect(Set(ScoreMethod.allCases.map(\.name)).count == ScoreMethod.allCases.count)
    }

    @Test func anUnknownStatisticIsRefusedWithItsName() {
        #expect(throws: SelectionError.unknownStatistic("mean_mood", known: Statistics.names)) {
            try StatisticRequest(name: "mean_mood").statistic()
        }
    }

    @Test func anOptionThatAStatisticDoesNotHaveIsRefused() {
        #expect(
            throws: SelectionError.option(
                statistic: "input_squares", option: "loss", value: "mean", fault: "is no option of it (it has none)")
        ) { try Statistics.named("input_squares", options: ["loss": "mean"]) }
        #expect(
            throws: SelectionError.option(
                statistic: "absolute_gradient", option: "loss", value: "median",
                fault: "is unknown (known: mean, sum)")
        ) { try Statistics.named("absolute_gradient", options: ["loss": "median"]) }
    }

    @Test func aScoreThatNeedsDataSaysWhatOfThem() {
        #expect([ScoreMethod.snip, .wanda, .magnitude, .random].map(\.needsData) == [true, true, false, false])
        #expect(
            ScoreMethod.snip.statistics(ScoreSettings(loss: .sum)).map { $0.request() } == [.absoluteGradient(.sum)])
        #expect(ScoreMethod(rawValue: "taylor") == nil)
    }

    @Test func aScoreFileSaysWhatItsScoresDependOn() {
        let settings = ScoreSettings(loss: .sum, seed: 7)
        #expect(ScoreMethod.snip.provenance(settings) == ["method": "snip", "loss": "sum"])
        #expect(ScoreMethod.wanda.provenance(settings) == ["method": "wanda"])
        #expect(ScoreMethod.random.provenance(settings) == ["method": "random", "seed": "7"])
    }

    @Test func aRequestTravelsAsItsNameAndOptions() throws {
        let body = TaskBody.score(
            statistics: [.absoluteGradient(.sum), .secondMoments.ofLayer(2)],
            batches: [Batch(sequences: [TokenSequence(tokens: [1, 2], scoredFrom: 1)])])
        let frames = try Codec.encode(body: body)
        let text = String(decoding: frames.flatMap { $0 }, as: UTF8.self)
        #expect(text.contains(#"{"classes":1,"name":"absolute_gradient","options":{"loss":"sum"}}"#))
        #expect(try Codec.decodeBody(frames, byteCount: text.utf8.count) == body)
    }

    @Test func anExampleOfAClassThatNobodyAskedForIsRefused() throws {
        let sequence = TokenSequence(tokens: [1, 2], scoredFrom: 2, group: 1)
        let body = TaskBody.score(statistics: [.headOutput], batches: [Batch(sequences: [sequence])])
        #expect(throws: ProtocolError.malformed("group")) { try body.check() }
    }
}
