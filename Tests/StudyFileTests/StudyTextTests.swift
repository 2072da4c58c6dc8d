import Evaluation
import StudyFile
import TestSupport
import Testing

@Suite struct StudyTextTests {
    let files = TemporaryFolder()

    init() {
        files.write(
            """
            model: m
            data: texts
            seed: 7
            calibration:
              safety: {prompts: p.txt, samples: 8}
              utility: {pairs: u.jsonl}
            conditions: [unedited]
            evaluation: {harmful: h.txt, max_new_tokens: 9, attacks: [vanilla, adv_decoding]}
            """, to: "base.yaml")
    }

    private func study(_ text: String, _ overriding: StudyOverrides = StudyOverrides()) throws -> Study {
        files.write(text, to: "s.yaml")
        return try Study(contentsOf: files.file("s.yaml"), overriding: overriding)
    }

    private func fault(_ text: String) -> String? {
        do { _ = try study(text) } catch { return "\(error)".replacing(files.file(""), with: "") }
        return nil
    }

    @Test func ownValuesWinAndTheRestComesFromTheBase() throws {
        let study = try study(
            """
            base: base.yaml
            seed: 8
            calibration: {safety: {samples: 2, limit: 3}}
            conditions: [unedited, {top: {q: 1}}]
            evaluation: {attacks: ~, max_new_tokens: 5}
            """)
        #expect(study.name == "s")
        #expect(study.model == files.file("m"))
        #expect(study.seed == 8)
        #expect(
            study.calibration?.safety
                == .answers(
                    prompts: files.file("texts/p.txt"), limit: 3, keep: .refusals, samples: 2, maxNewTokens: 64))
        #expect(study.conditions.map(\.name) == ["unedited", "top"])
        #expect(study.evaluation.harmful?.file == files.file("texts/h.txt"))
        #expect(study.evaluation.maxNewTokens == 5)
        #expect(study.evaluation.attacks.isEmpty)
    }

    @Test func theCommandLineWins() throws {
        let study = try study("base: base.yaml", StudyOverrides(model: "other", data: "/mine"))
        #expect(study.model == "other")
        #expect(study.evaluation.harmful?.file == "/mine/h.txt")
        #expect(study.calibration?.utility == .pairs(file: "/mine/u.jsonl", samples: nil))
    }

    @Test func errorsNameTheFileThatIsWrong() throws {
        #expect(
            fault("base: base.yaml\n\nsed: 1")?.hasPrefix("s.yaml:3: unknown key sed; did you mean seed?") == true)
        #expect(fault("base: base.yaml\nseed: x") == "s.yaml:2: seed has to be a whole number, not x")
        files.write("model: m\nseed: x\nconditions: [unedited]\n", to: "base.yaml")
        #expect(fault("base: base.yaml\n# more\n") == "base.yaml:2: seed has to be a whole number, not x")
        files.write("model: m\nseed: 1\nseeed: 1\nconditions: [unedited]\n", to: "base.yaml")
        #expect(fault("base: base.yaml")?.hasPrefix("base.yaml:3: unknown key seeed; did you mean seed?") == true)
        files.write("model: [\n", to: "base.yaml")
        #expect(fault("base: base.yaml")?.hasPrefix("base.yaml:2: not valid YAML: ") == true)
        files.write("base: s.yaml\n", to: "base.yaml")
        #expect(fault("base: base.yaml") == "base.yaml:1: a base has no base of its own, and no studies")
        #expect(fault("base: none.yaml")?.hasPrefix("none.yaml: cannot open") == true)
        #expect(
            fault("base: ../base.yaml")
                == "s.yaml:1: base = ../base.yaml has to lie beside the study: paths in both begin there")
        #expect(fault("base: [a]") == "s.yaml:1: base has to be the name of a file")
    }

    @Test func aListNamesItsStudies() throws {
        files.write("base: base.yaml\nseed: 1\n", to: "a.yaml")
        files.write("base: base.yaml\nname: second\n", to: "b.yaml")
        files.write("studies: [a.yaml, b.yaml]\n", to: "all.yaml")
        let list = try StudyList(contentsOf: files.file("all.yaml"))
        #expect(list.name == "all")
        #expect(list.isList)
        #expect(list.studies.map(\.name) == ["a", "second"])
        let one = try StudyList(contentsOf: files.file("a.yaml"))
        #expect(!one.isList)
        #expect(one.studies.map(\.seed) == [1])
    }

    @Test func aListRunsOnOneModelUnderDifferentNames() throws {
        func fault() -> String? {
            do { _ = try StudyList(contentsOf: files.file("all.yaml")) } catch {
                return "\(error)".replacing(files.file(""), with: "")
            }
            return nil
        }
        files.write("base: base.yaml\nmodel: n\n", to: "a.yaml")
        files.write("base: base.yaml\n", to: "b.yaml")
        files.write("studies: [a.yaml, b.yaml]\n", to: "all.yaml")
        #expect(fault() == "all.yaml:1: studies run on one model, but a names n and b names m; give --model")
        #expect(
            try StudyList(contentsOf: files.file("all.yaml"), overriding: StudyOverrides(model: "x")).studies.count == 2
        )
        files.write("studies: [b.yaml, b.yaml]\n", to: "all.yaml")
        #expect(fault() == "all.yaml:1: studies has two studies called b; give one a name of its own")
        files.write("studies: []\n", to: "all.yaml")
        #expect(fault() == "all.yaml:1: studies is empty")
        files.write("studies: [b.yaml]\nseed: 1\n", to: "all.yaml")
        #expect(fault()?.hasPrefix("all.yaml:2: unknown key seed") == true)
    }
}
