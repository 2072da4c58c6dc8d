import Checkpoint
import Protocol
import Selection
import StudyFile
import Tensors
import Testing

@Suite struct StudyYAMLTests {
    static let whole = """
        name: x
        model: m.gguf
        seed: 7
        workers: 3
        block_examples: 4
        calibration:
          safety: {prompts: p.txt, keep: refusals, samples: 8, max_new_tokens: 32}
          utility: {pairs: /abs/u.jsonl}
        scores: {method: snip, loss: sum}
        conditions:
          - unedited
          - set_difference: {p: 3, q: 1.5, group: row}
          - random: {like: set_difference}
          - name: least
            bottom: {q: 2, of: utility}
          - name: tuned
            finetune: {pairs: f.jsonl, steps: 4, batch: 2, lr: 1e-4, parameters: linear, freeze: set_difference}
        evaluation:
          harmful: h.csv
          harmless: {prompts: g.txt, samples: 5}
          slots: 6
          tasks: [a.jsonl]
          perplexity: {file: t.txt, max_tokens: 100, window: 50}
        export: [set_difference]
        """

    private func study(_ text: String) throws -> Study { try Study(yaml: text, file: "dir/s.yaml") }

    private func fault(_ old: String, _ new: String) -> String? {
        precondition(Self.whole.contains(old), "the sample study has no \(old)")
        do { _ = try study(Self.whole.replacing(old, with: new)) } catch { return "\(error)" }
        return nil
    }

    @Test func checkpointsAreAsked() throws {
        let asked = Self.whole.replacing("lr: 1e-4,", with: "lr: 1e-4, checkpoint_every: 25,")
        for (text, steps) in [(asked, 25), (Self.whole, nil)] as [(String, Int?)] {
            guard let settings = try study(text).conditions.last!.fineTune else {
                Issue.record("no fine-tuning")
                return
            }
            #expect(settings.checkpointEvery == steps)
        }
        #expect(fault("lr: 1e-4,", "lr: 1e-4, checkpoint_every: 0,")?.contains("checkpoint_every") == true)
    }

    @Test func readsEverything() throws {
        let study = try study(Self.whole)
        #expect(study.model == "dir/m.gguf")
        #expect(study.seed == 7)
        #expect(study.workers == 3)
        #expect(study.pipelines == nil)
        #expect(study.system == .template)
        #expect(
            study.calibration?.safety
                == .answers(prompts: "dir/p.txt", limit: nil, keep: .refusals, samples: 8, maxNewTokens: 32))
        #expect(study.calibration?.utility == .pairs(file: "/abs/u.jsonl", samples: nil))
        #expect(study.scores == Study.Scores(method: .snip, loss: .sum))
        #expect(study.conditions.map(\.name) == ["unedited", "set_difference", "random", "least", "tuned"])
        #expect(study.conditions[1].method as? SetDifferenceMethod == .init(p: 3, q: 1.5, group: .row))
        #expect(
            study.conditions[3].method as? RankedMethod
                == .init(side: .utility, q: 2, group: .matrix, order: .smallest))
        guard let tuning = study.conditions[4].fineTune else { Issue.record("no fine-tuning"); return }
        #expect(tuning.restriction == .init(.freeze, .mask(of: "set_difference")))
        #expect(tuning.learningRate == 1e-4)
        #expect(study.evaluation.harmful == Study.PromptSet(file: "dir/h.csv", samples: nil))
        #expect(study.evaluation.harmless == Study.PromptSet(file: "dir/g.txt", samples: 5))
        #expect(study.evaluation.groupPrompts == 12)
        #expect(study.evaluation.tasks == ["dir/a.jsonl"])
        #expect(study.evaluation.perplexity == Study.PerplexityText(file: "dir/t.txt", maxTokens: 100, window: 50))
        #expect(study.export == ["set_difference"])
    }

    @Test func unknownKeysAreNamedWithTheNearest() {
        #expect(
            fault("keep: refusals", "keeep: refusals")?.hasPrefix(
                "dir/s.yaml:7: unknown key calibration.safety.keeep; did you mean keep?") == true)
        #expect(
            fault("workers: 3", "wokers: 3")?.hasPrefix("dir/s.yaml:4: unknown key wokers; did you mean workers?")
                == true)
        #expect(
            fault("- set_difference: {p", "- set_diference: {p")?.contains(
                "unknown key conditions[1].set_diference; did you mean set_difference?") == true)
        #expect(fault("seed: 7", "zzzzzzzzzz: 7")?.contains("did you mean") == false)
    }

    @Test(arguments: [
        ("p: 3", "p: 101", "dir/s.yaml:12: conditions[1].set_difference.p = 101.0 is out of range: 0.0 to 100.0"),
        ("q: 1.5", "q: -1", "dir/s.yaml:12: conditions[1].set_difference.q = -1.0 is out of range: 0.0 to 100.0"),
        ("workers: 3", "workers: 0", "dir/s.yaml:4: workers = 0 is out of range: 1 to 4096"),
        ("workers: 3", "workers: many", "dir/s.yaml:4: workers has to be a whole number, not many"),
        (
            "method: snip", "method: snap",
            "dir/s.yaml:9: scores.method = snap is unknown; did you mean snip? (known: snip, wanda, magnitude, random)"
        ),
        ("model: m.gguf\n", "", "dir/s.yaml:1: model is missing; name one, or give --model"),
        (
            "like: set_difference", "like: set_differenc",
            "dir/s.yaml:11: conditions random: random.like = set_differenc is no earlier condition with a mask or of ranks; did you mean set_difference?"
        ),
        (
            "  - unedited\n", "",
            "dir/s.yaml:11: conditions have to include unedited: the coherence floor is calibrated on its answers"
        ),
        ("name: least", "name: random", "dir/s.yaml:14: two conditions are called random; give one a name of its own"),
        (
            "name: least", "name: ../least",
            "dir/s.yaml:14: the name ../least has more than letters, digits, space, dot, - and _"
        ),
        (
            "export: [set_difference]", "export: [unedited]",
            "dir/s.yaml:24: export names unedited, which is no edited condition of this study"
        ),
        (
            "method: snip, loss: sum", "method: magnitude",
            "dir/s.yaml:9: scores method magnitude knows no two data sets: condition set_difference needs snip or wanda"
        ),
        (
            "slots: 6", "slots: 6\n  samples: 5",
            "dir/s.yaml:22: evaluation.samples = 5 with temperature 0 gives the same answer every time; set a temperature"
        ),
    ])
    func faultsNameFileLineAndKey(old: String, new: String, message: String) {
        #expect(fault(old, new) == message)
    }

    @Test func brokenYAMLIsOneLine() {
        let text = fault("name: x", "name: [x")
        #expect(text?.hasPrefix("dir/s.yaml:2: not valid YAML: ") == true)
        #expect(text?.contains("\n") == false)
    }

    @Test func nearestNames() {
        #expect(nearestName(to: "modle", among: ["model", "name"]) == "model")
        #expect(nearestName(to: "qqqqqq", among: ["model", "name"]) == nil)
    }
}
