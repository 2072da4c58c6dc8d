import Coordinator
import Tensors
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

    /// What depends on the model and on the data, too, is refused before there is a folder, or a worker (of which this process
    /// has none: to ask for one is an internal error).
    @Test(arguments: [
        "conditions: [unedited, scale: {layers: 1-99, alpha: 2}]", "conditions: [unedited, {heads: {random: 5000}}]",
        "conditions: [unedited, direction: {edit: ablate, file: none.safetensors}]",
        "conditions: [unedited]\nreasoning_curves: {prompts: none.txt, benign: no, malicious: yes}",
    ])
    func aRunThatIsRefusedLeavesNothing(lines: String) async {
        #expect(await plan(lines) == 2)
        let study = folder.file("s.yaml")
        let arguments = ["study", "run", study, "--run-dir", folder.file("run"), "--cache", folder.file("cache")]
        #expect(await CommandLineMain.run(arguments) == 2)
        #expect(!Files.exists(folder.file("run")) && !Files.exists(folder.file("cache")))
    }

    @Test func whatARunTakes() async {
        #expect(await plan("conditions: [unedited]\nrefusal_phrases: phrases.txt\noverlap: {rank: 1}") == 0)
    }
}
