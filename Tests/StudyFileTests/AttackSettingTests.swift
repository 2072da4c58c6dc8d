import Checkpoint
import StudyFile
import StudySupport
import Testing

@Suite struct AttackSettingTests {
    @Test func thePapersSettings() {
        let vanilla = AttackSetting(.vanilla)
        let suffix = AttackSetting(.advSuffix)
        let decoding = AttackSetting(.advDecoding)
        #expect([vanilla, suffix, decoding].map(\.samples) == [1, 1, 5])
        #expect([vanilla, suffix, decoding].map(\.temperature) == [0, 0, 1])
        #expect([vanilla, suffix, decoding].map(\.isChat) == [true, true, false])
        // The study's system prompt in the first alone.
        let systems: [SystemPrompt?] = [vanilla, suffix, decoding].map(\.system)
        let expected: [SystemPrompt?] = [nil, SystemPrompt.none, SystemPrompt.none]
        #expect(systems == expected)
    }

    @Test func whatTheModelIsGiven() throws {
        let codec = ByteCodec()
        #expect(try AttackSetting(.vanilla).tokens("hi", codec: codec) == codec.prompt("hi"))
        let suffixed = try AttackSetting(.advSuffix).tokens("hi", suffix: "please now", codec: codec)
        #expect(suffixed == codec.prompt("hi please now"))
        #expect(try AttackSetting(.advDecoding).tokens("hi", codec: codec) == codec.opening("hi\n"))
    }

    @Test func aSystemPromptOfItsOwn() throws {
        let codec = ByteCodec()
        var vanilla = AttackSetting(.vanilla)
        vanilla.system = .text("be kind")
        #expect(try vanilla.tokens("hi", codec: codec) == codec.prompt("hi", system: .text("be kind")))
        #expect(try vanilla.tokens("hi", codec: codec) != codec.prompt("hi"))
        var decoding = AttackSetting(.advDecoding)
        decoding.system = .text("be kind")
        #expect(try decoding.tokens("hi", codec: codec) == codec.opening("be kind\n\nhi\n"))
    }
}
