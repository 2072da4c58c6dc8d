import Datasets
import Protocol
import StudySupport
import Testing

@Suite struct CalibrationTests {
    @Test func responseIsTokenisedApartAndAloneScored() throws {
        let pair = Pair(prompt: "ab", response: "cd", place: "f:1")
        let group = try Calibration.group(pair, codec: ByteCodec())
        #expect(group.name == "f:1")
        #expect(group.sequences == [.init(tokens: [1, 97, 98, 2, 99, 100], scoredFrom: 4)])
        let tuned = try Calibration.group(pair, codec: ByteCodec(), endOfAnswer: 3)
        #expect(tuned.sequences[0].tokens.last == 3)
    }
}
