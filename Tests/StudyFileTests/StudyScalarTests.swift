import Checkpoint
import StudyFile
import Tensors
import Testing

/// YAML 1.2's core schema, whatever YAML 1.1 says.
@Suite struct StudyScalarTests {
    /// What may be absent stands between ⟦ and ⟧.
    static let marked = """
        ⟦name: x⟧
        model: m
        ⟦base: null⟧
        ⟦system: SYSTEM⟧
        ⟦template: chatml⟧
        ⟦seed: 7⟧
        ⟦workers: 3⟧
        ⟦pipelines: 2⟧
        ⟦block_examples: 3⟧
        ⟦batch_tokens: 99⟧
        ⟦max_skipped: 2⟧
        calibration:
          safety: {prompts: p.txt⟦, limit: 3⟧⟦, keep: all⟧⟦, samples: 2⟧⟦, max_new_tokens: 9⟧}
          utility: {pairs: u.jsonl⟦, samples: 4⟧}
        scores: {method: wanda⟦, loss: sum⟧}
        ⟦probe: {harmful: h.txt, harmless: g.txt}⟧
        ⟦overlap: {p: 5, q: 5}⟧
        conditions:
          - unedited
          - {name: cut, set_difference: {p: 1, q: 1⟦, group: row⟧}⟦, order: sequential⟧}
          - top: {q: 1⟦, of: utility⟧}
          - finetune: {pairs: f.jsonl, steps: 2⟦, batch: 3⟧⟦, batch_tokens: 32⟧⟦, lr: 0.5⟧⟦, freeze: cut⟧⟦, checkpoint_every: 4⟧}
        evaluation:
          ⟦harmless: {prompts: g.txt, samples: 5}⟧
          harmful: {prompts: h.txt⟦, skip: 1⟧⟦, first: 3⟧}
          ⟦attacks: [vanilla, {vanilla: {system: none}, name: v}]⟧
          ⟦max_new_tokens: 6⟧
          ⟦slots: 6⟧
          ⟦group_prompts: 7⟧
          ⟦coherence_floor: -3⟧
          ⟦tasks: [a.jsonl]⟧
          ⟦task_limit: 3⟧
          zero_shot: {documents: z⟦, tasks: [rte]⟧⟦, limit: 9⟧⟦, seed: 3⟧⟦, max_length: 100⟧}
          perplexity: {file: t.txt⟦, max_tokens: 100⟧⟦, window: 50⟧}
        ⟦export: [cut]⟧
        """

    /// The study with the entry of that number changed, the others as they are.
    private static func text(_ number: Int, _ change: (Substring) -> String) -> String {
        let parts = marked.split(separator: "⟦", omittingEmptySubsequences: false)
        return parts.enumerated().map { index, part in
            guard index > 0, let end = part.firstIndex(of: "⟧") else { return String(part) }
            let rest = part[part.index(after: end)...]
            return (index == number ? change(part[..<end]) : String(part[..<end])) + rest
        }.joined()
    }

    static let plain = text(0) { String($0) }

    private func study(_ text: String) throws -> Study { try Study(yaml: text, file: "s.yaml") }

    private func fault(_ old: String, _ new: String) -> String? {
        precondition(Self.plain.contains(old), "the sample study has no \(old)")
        do { _ = try study(Self.plain.replacing(old, with: new)) } catch { return "\(error)" }
        return nil
    }

    @Test(arguments: 1..<marked.split(separator: "⟦").count)
    func noValueIsAsIfAbsent(number: Int) throws {
        let absent = try study(Self.text(number) { _ in "" })
        for null in ["null", "~", "", "Null", "NULL", "!!null null"] {
            let text = Self.text(number) { $0.prefix { $0 != ":" } + ": " + null }
            #expect(try study(text) == absent)
        }
    }

    @Test(arguments: [
        ("013", 13), ("0o14", 12), ("0xFf", 255), ("+5", 5), ("1e3", 1000), ("2.0", 2), ("12.e2", 1200), ("!!int 7", 7),
    ])
    func wholeNumbers(written: String, value: UInt64) throws {
        #expect(try study(Self.plain.replacing("seed: 7", with: "seed: \(written)")).seed == value)
    }

    @Test(arguments: [
        "1_000", "0b11", "1:30", "\"42\"", "'42'", "!!str 42", "2001-12-14", "yes", "true", "0o19", "0x", "1.5", ".nan",
        ".inf", "99999999999999999999", "1e400", "--1", "[1]", ".", "1e",
    ])
    func whatIsNoWholeNumber(written: String) {
        #expect(
            fault("seed: 7", "seed: \(written)")?.hasPrefix("s.yaml:6: seed has to be a whole number, not ") == true)
    }

    @Test(arguments: [(".5", 0.5), ("1e-1", 0.1), ("0.25", 0.25), ("1.", 1), ("+.5e0", 0.5), ("0", 0)])
    func numbers(written: String, value: Double) throws {
        let study = try study(Self.plain.replacing("lr: 0.5", with: "lr: \(written)"))
        guard let settings = study.conditions.last?.fineTune else { Issue.record("no training"); return }
        #expect(settings.learningRate == value)
    }

    @Test(arguments: [".nan", ".inf", "-.inf", "1_0", "\"0.5\"", "off"])
    func whatIsNoNumber(written: String) {
        #expect(fault("lr: 0.5", "lr: \(written)")?.contains("finetune.lr ") == true)
    }

    @Test(arguments: [
        "yes", "no", "on", "off", "Yes", "y", "1_000", "2001-12-14", "1:30", "null text", "\"null\"", "'~'",
        "!!str null",
        "true", "013", "<<",
    ])
    func texts(written: String) throws {
        let text = written.replacing("!!str ", with: "").filter { !"\"'".contains($0) }
        #expect(try study(Self.plain.replacing("system: SYSTEM", with: "system: \(written)")).system == .text(text))
    }

    static let refused: [(old: String, new: String, message: String)] = [
        ("seed: 7", "seed: 7\nworkers: 3", "s.yaml:8: workers appears twice: first in line 7"),
        ("seed: 7", "seed: 7\n\"seed\" : 8", "s.yaml:7: seed appears twice: first in line 6"),
        ("{p: 5, q: 5}", "{p: 5, q: 5, p: 6}", "s.yaml:17: p appears twice in this line"),
        ("  slots: 6", "  slots: 6\n  # slots\n  slots: 7", "s.yaml:30: slots appears twice: first in line 28"),
        ("seed: 7", "<<: *a", "s.yaml:6: not valid YAML: found undefined alias"),
        ("seed: 7", "<<: {seed: 7}", "s.yaml:6: << (YAML 1.1's merge key) is not known: write the keys, or use base"),
        ("seed: 7", "seed: !date 7", "s.yaml:6: the tag !date means nothing in a study"),
        ("seed: 7", "seed: [7", "s.yaml:7: not valid YAML: "),
        ("seed: 7", "seed: \"7", "s.yaml:"),
        ("seed: 7", "\tseed: 7", "s.yaml:6: not valid YAML: "),
        ("seed: 7", "---\nseed: 7", "s.yaml:6: a second document (---): a study is one"),
        ("system: SYSTEM", "system: ''", "s.yaml:4: system is an empty text; leave the key out where there is none"),
        ("export: [cut]", "export: [~]", "s.yaml:35: export has to be a list of texts"),
        ("  - unedited", "  - ~\n  - unedited", "s.yaml:19: conditions[0] is empty"),
        ("  - unedited", "  - unedited: {p: 1}", "s.yaml:19: conditions[0].unedited takes no settings"),
    ]

    @Test(arguments: refused) func refusedWithItsLine(old: String, new: String, message: String) {
        let found = fault(old, new)
        #expect(found?.hasPrefix(message) == true, "\(found ?? "nothing")")
    }

    @Test func anchorsAndAliases() throws {
        let shared = Self.plain.replacing("harmful: h.txt, harmless: g.txt", with: "harmful: &a h.txt, harmless: *a")
        #expect(try study(shared).probe?.harmless.file == "h.txt")
        let lists = (0..<20).map { "a\($0): &a\($0) [\($0 == 0 ? "x" : "*a\($0 - 1), *a\($0 - 1), *a\($0 - 1)")]" }
        let error = #expect(throws: InputError.self) { try study(lists.joined(separator: "\n")) }
        #expect(error?.fault.hasPrefix("more than 100000 values") == true)
        let deep = "name: " + String(repeating: "[", count: 5000)
        #expect(throws: InputError.self) { try study(deep) }
    }

    static let names: [(name: String, fault: String?)] = [
        ("..", "is no name for the run's folder"), (".", "is no name for the run's folder"), ("a/b", "has a slash"),
        ("/", "has a slash"), ("../x", "has a slash"), ("\" \"", "is empty"),
        ("\"a\\u0007\"", "has control characters"),
        ("\"a\\nb\"", "has control characters"), ("results-cache", "is the name of something else"),
        (String(repeating: "n", count: 181), "is too long: 181 bytes, at most 180"), ("...", nil), ("Größe 1", nil),
        (String(repeating: "n", count: 180), nil),
    ]

    @Test(arguments: names) func namesOfRuns(name: String, message: String?) {
        let found = fault("name: x", "name: \(name)")
        guard let message else { return #expect(found == nil) }
        #expect(found?.hasPrefix("s.yaml:1: name \"") == true)
        #expect(found?.contains("\" \(message)") == true, "\(found ?? "nothing")")
    }

    @Test func namesOfConditions() {
        for name in [String(repeating: "n", count: 181), "\"a \"", "a/b", ".a", "\"a\\tb\""] {
            #expect(fault("  - top: {", "  - name: \(name)\n    top: {")?.hasPrefix("s.yaml:21: the name ") == true)
        }
    }
}
