import Checkpoint
import Datasets
import Evaluation
import StudyFile
import Testing

@Suite struct StudyEvaluationTests {
    private static let whole = """
        model: m
        conditions: [unedited]
        evaluation:
          harmful: {prompts: h.csv, skip: 20, first: 100}
          max_new_tokens: 256
          attacks:
            - vanilla
            - adv_suffix: {suffixes: s.txt}
            - adv_decoding: {samples: 3, temperature: 0.7, max_new_tokens: 40}
            - name: no-system
              vanilla: {system: none}
            - name: own
              adv_decoding: {system: Be kind.}
          zero_shot: {documents: docs, tasks: [rte, arc_challenge], limit: 50, seed: 7, max_length: 512}
        """

    private func plan(_ text: String) throws -> Study.EvaluationSettings {
        try Study(yaml: text, file: "dir/s.yaml").evaluation
    }

    private func fault(_ old: String, _ new: String) -> String? {
        precondition(Self.whole.contains(old), "the sample study has no \(old)")
        do { _ = try plan(Self.whole.replacing(old, with: new)) } catch { return "\(error)" }
        return nil
    }

    @Test func readsAttacks() throws {
        let plan = try plan(Self.whole)
        #expect(plan.attacks.map(\.name) == ["vanilla", "adv_suffix", "adv_decoding", "no-system", "own"])
        #expect(plan.attacks[0] == AttackSetting(.vanilla))
        #expect(plan.attacks[1].suffixes == "dir/s.txt")
        #expect(plan.attacks[2].samples == 3)
        #expect(plan.attacks[2].temperature == 0.7)
        #expect(plan.attacks[2].maxNewTokens == 40)
        #expect(plan.attacks[3].system == SystemPrompt.none)
        #expect(plan.attacks[4].system == .text("Be kind."))
        #expect(plan.settings == plan.attacks)
        #expect(plan.harmful?.skip == 20)
        #expect(plan.harmful?.first == 100)
    }

    @Test func answersAre150TokensAndPointsAreChosenOnAll() throws {
        let plain = try plan("model: m\nconditions: [unedited]\nevaluation: {harmful: h.txt}")
        #expect(plain.maxNewTokens == 150 && plain.selectOn == .all)
        let half = try plan("model: m\nconditions: [unedited]\nevaluation: {harmful: h.txt, select_on: half}")
        #expect(half.selectOn == .half)
        #expect(fault("max_new_tokens: 256", "select_on: some")?.contains("select_on") == true)
    }

    @Test func withoutAttacksThereIsOneChat() throws {
        let text = """
            model: m
            conditions: [unedited]
            evaluation: {harmful: h.txt, samples: 5, temperature: 1}
            """
        let settings = try plan(text).settings
        #expect(settings.map(\.kind) == [.vanilla])
        #expect(settings[0].samples == 5)
        #expect(settings[0].temperature == 1)
    }

    @Test func readsZeroShot() throws {
        let zeroShot = try #require(try plan(Self.whole).zeroShot)
        #expect(zeroShot.documents == "dir/docs")
        #expect(zeroShot.tasks == [.rte, .arcChallenge])
        #expect(zeroShot.limit == 50)
        #expect(zeroShot.seed == 7)
        #expect(zeroShot.maxLength == 512)
        let short = try plan("model: m\nconditions: [unedited]\nevaluation: {zero_shot: docs}").zeroShot
        #expect(short == ZeroShotSettings(documents: "dir/docs"))
        #expect(short?.tasks == ZeroShotTask.allCases)
        #expect(short?.limit == 200)
        #expect(short?.seed == 42)
    }

    @Test(arguments: [
        (
            "- vanilla", "- vanila",
            "dir/s.yaml:7: evaluation.attacks has vanila; did you mean vanilla? (known: vanilla, adv_suffix, adv_decoding)"
        ),
        (
            "- adv_suffix: {suffixes: s.txt}", "- adv_suffix",
            "dir/s.yaml:7: evaluation.attacks adv_suffix needs a file of suffixes: adv_suffix: {suffixes: FILE}; none is shipped"
        ),
        (
            "name: no-system", "name: vanilla",
            "dir/s.yaml:7: evaluation.attacks has vanilla twice; give one a name of its own"
        ),
        (
            "vanilla: {system: none}", "vanilla: {suffixes: s.txt}",
            "dir/s.yaml:11: unknown key evaluation.attacks[3].vanilla.suffixes (known: system, samples, temperature, max_new_tokens)"
        ),
        (
            "samples: 3, temperature: 0.7", "temperature: 0",
            "dir/s.yaml:9: evaluation.attacks[2].adv_decoding.samples = 5 with temperature 0 gives the same answer every time; set a temperature"
        ),
        (
            "system: Be kind.", "system: template",
            "dir/s.yaml:13: evaluation.attacks[4].adv_decoding.system = template: this setting has no chat template; none, or a text"
        ),
        (
            "max_new_tokens: 256", "samples: 5\n  temperature: 1",
            "dir/s.yaml:5: evaluation.samples goes into the settings of attacks, where these are listed"
        ),
        (
            "harmful: {prompts: h.csv, skip: 20, first: 100}", "harmless: h.csv",
            "dir/s.yaml:7: evaluation.attacks need harmful prompts"
        ),
        (
            "tasks: [rte, arc_challenge]", "tasks: [rte, arc]",
            "dir/s.yaml:14: evaluation.zero_shot.tasks has arc (known: boolq, rte, hellaswag, winogrande, arc_challenge, openbookqa)"
        ),
        ("tasks: [rte, arc_challenge]", "tasks: [rte, rte]", "dir/s.yaml:14: evaluation.zero_shot.tasks has rte twice"),
        ("limit: 50", "limit: 0", "dir/s.yaml:14: evaluation.zero_shot.limit = 0 is out of range: at least 1"),
    ])
    func faultsNameFileLineAndKey(old: String, new: String, message: String) {
        #expect(fault(old, new) == message)
    }
}
