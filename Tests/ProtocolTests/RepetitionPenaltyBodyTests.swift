import Protocol
import Testing

/// A task without a repetition penalty is the same bytes as before there was one.
@Suite struct RepetitionPenaltyBodyTests {
    private func body(_ penalty: Float) -> TaskBody {
        .generate(
            .init(
                prompts: [[1, 2]], slots: 1, maxNewTokens: 3, stopTokens: [2], temperature: 0, seed: 42, streams: [0],
                repetitionPenalty: penalty))
    }

    private func text(_ body: TaskBody) throws -> String {
        String(decoding: try Codec.encode(body: body).flatMap { $0 }, as: UTF8.self)
    }

    @Test func withoutOneTheBodyDoesNotNameIt() throws {
        #expect(
            try text(body(1))
                == #"{"generate":{"_0":{"maxNewTokens":3,"prompts":[[1,2]],"seed":42,"slots":1,"stopTokens":[2],"streams":[0],"temperature":0}}}"#
        )
        #expect(try body(1).digest() != body(1.1).digest())
    }

    @Test func withOneItTravels() throws {
        for penalty in [Float(1.1), 0.5, 1] {
            let frames = try Codec.encode(body: body(penalty))
            let again = try Codec.decodeBody(frames, byteCount: frames.reduce(0) { $0 + $1.count })
            #expect(again == body(penalty))
        }
        #expect(try text(body(1.5)).contains(#""repetitionPenalty":1.5"#))
    }

    @Test(arguments: [Float(0), -1, .infinity]) func whatIsNoPenaltyIsRefused(_ penalty: Float) {
        #expect(throws: ProtocolError.malformed("generation: repetition penalty")) { try body(penalty).check() }
    }
}
