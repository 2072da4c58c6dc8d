import Coordinator
import TestSupport
import Testing

/// What `study run` would refuse is refused by `plan`, before anything is started.
@Suite struct StudyPlanCheckTests {
    private let folder = TemporaryFolder()

    init() throws {
        _ = try TinyModel.make(in: folder)
        folder.write("one\ntwo\nthree\n", to: "prompts.txt")
        folder.write("sorry\n", to: "phrases.txt")
    }

    private func plan(_ lines: String) async -> Int32 {
        folder.write(
            """
            model: model
            template: none
            calibration: {safety: {pairs: pairs.jsonl}, utility: {pairs: pairs.jsonl}}
            evaluation: {harmful: prompts.txt, max_new_tokens: 2}
            \(lines)
            """, to: "s.yaml")
        return await CommandLineMain.run(["plan", folder.file("s.yaml"), "--no-measure", "--no-cache"])
    }

    @Test(arguments: [
        "conditions: [unedited]\nrefusal_phrases: none.txt", "conditions: [unedited]\noverlap: {rank: 5000}",
        "conditions: [unedited]\noverlap: {rank: 0}", "conditions: [unedited, actsvd_top: {rank: 5000}]",
        "conditions: [unedited, heads: {random: 5000}]", "conditions: []",
    ])
    func whatARunRefuses(lines: String) async { #expect(await plan(lines) == 2) }

    @Test func whatARunTakes() async {
        #expect(await plan("conditions: [unedited]\nrefusal_phrases: phrases.txt\noverlap: {rank: 1}") == 0)
    }
}
