import Checkpoint
import Datasets
import Jinja
import StudyFile
import TestSupport
import Testing

/// How a study says what prompts look like.
@Suite struct StudyLayoutTests {
    private func text(_ lines: String) -> String {
        "name: x\nmodel: m.gguf\n\(lines)\nconditions: [unedited]\nevaluation: {harmful: h.csv}\n"
    }

    private func fault(_ lines: String) -> String? {
        do { _ = try Study(yaml: text(lines), file: "dir/s.yaml") } catch { return "\(error)" }
        return nil
    }

    @Test func thinkingAndDate() throws {
        let plain = try Study(yaml: text(""), file: "dir/s.yaml").layout(day: CalendarDay("2026-01-02"))
        #expect(plain == ChatLayout(day: CalendarDay("2026-01-02")))
        for (word, thinking) in [("on", Thinking.on), ("off", .off), ("'on'", .on)] {
            let study = try Study(yaml: text("thinking: \(word)\ndate: 2024-07-26"), file: "dir/s.yaml")
            #expect(study.layout(day: .today()) == ChatLayout(thinking: thinking, day: CalendarDay("2024-07-26")))
        }
    }

    @Test func wrongWordsAreRefusedWithTheirLine() {
        for word in ["true", "template", "yes", "On"] {
            #expect(fault("thinking: \(word)") == "dir/s.yaml:3: thinking = \(word) is unknown (known: on, off)")
        }
        for day in ["2026-02-30", "today", "26.11.2026"] {
            #expect(fault("date: \(day)") == "dir/s.yaml:3: date = \(day) is no day (as 2026-11-25)")
        }
        #expect(
            fault("template: vicuna")
                == "dir/s.yaml:3: template = vicuna is unknown (known: chatml, llama-2, llama-3, mistral, gemma, none, or a file with a template)"
        )
    }

    @Test func aFileWithATemplate() throws {
        let scratch = TemporaryFolder()
        scratch.write("{{ messages[0].content }}", to: "own.jinja")
        let study = try Study(yaml: text("template: own.jinja"), file: scratch.file("s.yaml"))
        #expect(study.template == scratch.file("own.jinja"))
        #expect(try Study(yaml: text("template: chatml"), file: scratch.file("s.yaml")).template == "chatml")
    }
}
