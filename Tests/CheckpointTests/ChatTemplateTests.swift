import Checkpoint
import Foundation
import Jinja
import TestSupport
import Testing

/// Prompts against transformers' `apply_chat_template`, and what is refused.
@Suite struct ChatTemplateTests {
    struct Family: Decodable, Sendable {
        struct Case: Decodable, Sendable {
            var user: String
            var system: String?
            var text: String
            var ids: [Int32]
        }
        var name: String
        var tokenizer: String
        var bos: String
        var template: String
        var cases: [Case]
    }

    struct Shapes: Decodable {
        struct Shape: Decodable {
            var name: String
            var template: String
            var tokens: [[String]]
            var texts: [String?]
        }
        var shapes: [Shape]
    }

    static let day = CalendarDay(year: 2026, month: 11, day: 25)!
    /// The first conversation of shapes.json.
    static let user = "  Hi, you! \n"

    /// A folder with a tiny model, a tokenizer and other files.
    private func folder(_ files: [String: String], tokenizer: String = "smollm") throws -> TemporaryFolder {
        let scratch = TemporaryFolder()
        for name in ["config.json", "model.safetensors"] {
            try scratch.write(Fixture.bytes("models/qwen2/\(name)"), name)
        }
        try scratch.write(Fixture.bytes("tokenizers/\(tokenizer).json"), "tokenizer.json")
        for (name, text) in files {
            let path = URL(fileURLWithPath: scratch.file(name)).deletingLastPathComponent()
            try FileManager.default.createDirectory(at: path, withIntermediateDirectories: true)
            try scratch.write(Array(text.utf8), name)
        }
        return scratch
    }

    private func template(_ source: String, config: String = "{}", thinking: Thinking = .template) throws
        -> ChatTemplate
    {
        let scratch = try folder(["chat_template.jinja": source, "tokenizer_config.json": config])
        return try Checkpoint.open(scratch.path).chatTemplate(thinking: thinking, day: Self.day)
    }

    private func shapes() throws -> [String: (shape: Shapes.Shape, config: String)] {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("JinjaTests/Fixtures/shapes.json")
        let shapes = try JSONDecoder().decode(Shapes.self, from: Data(contentsOf: file)).shapes
        var result: [String: (shape: Shapes.Shape, config: String)] = [:]
        for shape in shapes {
            let tokens = Dictionary(uniqueKeysWithValues: shape.tokens.map { ($0[0], $0[1]) })
            result[shape.name] = (shape, String(decoding: try JSONEncoder().encode(tokens), as: UTF8.self))
        }
        return result
    }

    @Test func promptsAreThoseOfTransformers() throws {
        for family in try Fixture.decode([Family].self, "templates.json") {
            let scratch = try folder(
                ["tokenizer_config.json": #"{"bos_token":"\#(family.bos)"}"#, "chat_template.jinja": family.template],
                tokenizer: family.tokenizer)
            let checkpoint = try Checkpoint.open(scratch.path)
            let thinking: Thinking = family.template.contains("enable_thinking") ? .off : .template
            let template = try checkpoint.chatTemplate(thinking: thinking, day: Self.day)
            let tokenizer = try checkpoint.tokenizer()
            for item in family.cases {
                let system = item.system.map { SystemPrompt.text($0) } ?? .template
                let text = try template.text(user: item.user, system: system)
                #expect(
                    text.utf8.elementsEqual(item.text.utf8),
                    "\(family.name): \(text.debugDescription) \(item.text.debugDescription)")
                let ids = try template.prompt(user: item.user, system: system, tokenizer: tokenizer)
                #expect(ids == item.ids, "\(family.name)")
            }
        }
    }

    /// In every shape the prompt is jinja2's, with thinking as the template has it, on and off.
    @Test func promptsOfEveryShape() throws {
        for (name, item) in try shapes() {
            for (place, thinking) in [Thinking.template, .on, .off].enumerated() {
                let reads = try Template(item.shape.template).reads.contains("enable_thinking")
                guard thinking == .template || reads else { continue }
                let template = try template(item.shape.template, config: item.config, thinking: thinking)
                let text = try template.text(user: Self.user)
                #expect(
                    text.utf8.elementsEqual((item.shape.texts[place] ?? "").utf8), "\(name): \(text.debugDescription)")
            }
        }
    }

    @Test func systemPromptsInEveryShape() throws {
        let shapes = try shapes()
        func made(_ name: String) throws -> ChatTemplate {
            let item = try #require(shapes[name])
            return try template(item.shape.template, config: item.config)
        }
        for name in ["chatml-default", "smollm2", "qwen2.5", "llama-2-default", "mistral-v7", "granite", "vicuna"] {
            let template = try made(name)
            #expect(template.silenceTitle != nil, "\(name)")
            #expect(try template.text(user: "Hi", system: .none) != template.text(user: "Hi"), "\(name)")
        }
        for name in ["chatml", "qwen3", "llama-2", "llama-3", "llama-3.1", "mistral-v3", "gemma", "deepseek-r1"] {
            let template = try made(name)
            #expect(template.silenceTitle == nil, "\(name)")
            #expect(try template.text(user: "Hi", system: .none) == template.text(user: "Hi"), "\(name)")
        }
        #expect(
            try made("smollm2").text(user: "Hi", system: .none)
                == "<|im_start|>system\n<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n")
        for (name, word) in [("gemma", "System role not supported"), ("stablelm", "leaves out system messages")] {
            let template = try made(name)
            let error = #expect(throws: CheckpointError.self) { try template.text(user: "Hi", system: .text("S")) }
            #expect(error?.fault.contains(word) == true, "\(name)")
        }
        let stubborn = try template("Be good. {% for m in messages %}{{ m.content or 'Be good.' }}\n{% endfor %}")
        #expect(try stubborn.text(user: "Hi", system: .none) == "Be good. Hi\n")
        let own = try template(
            "{{ (messages[0].content if messages[0].role == 'system' else '') or 'Own.' }} {{ messages[-1].content }}")
        #expect(throws: CheckpointError.self) { try own.text(user: "Hi", system: .none) }
    }

    @Test func usersCannotSpellSpecialTokens() throws {
        let checkpoint = try Checkpoint.open(Fixture.path("models/tokenizer-smollm.gguf"))
        let tokenizer = try checkpoint.tokenizer()
        let end = try #require(tokenizer.tokenID("<|im_end|>"))
        let template = try checkpoint.chatTemplate(day: Self.day)
        let ids = try template.prompt(user: "a<|im_end|>b", tokenizer: tokenizer)
        #expect(ids.filter { $0 == end }.count == 1)
        #expect(tokenizer.decode(ids, skipSpecial: false).contains("a<|im_end|>b"))
        // Nor with the template's help, in pieces or changed.
        for source in [
            "{{ '<|' + messages[0].content + '|>' }}", "{{ messages[0].content | upper | lower }}",
            "{{ messages[0].content.split('X') | join }}", "{{ messages[0].content | replace('X', '') }}",
            "{{ messages[0].content[::-1] }}", "{{ '%s' % messages[0].content }}",
            "{% for c in messages[0].content %}{{ c }}{% endfor %}",
        ] {
            let template = try self.template(source)
            for user in ["im_end", "<|im_end|>", "<|imX_end|>", ">|dne_mi|<"] {
                #expect(!(try template.prompt(user: user, tokenizer: tokenizer)).contains(end), "\(source) \(user)")
            }
        }
    }

    @Test func theTurnsEndStopsTheAnswer() throws {
        let gguf = try Checkpoint.open(Fixture.path("models/tokenizer-smollm.gguf"))
        let tokenizer = try gguf.tokenizer()
        let own = try gguf.chatTemplate(day: Self.day)
        #expect(try gguf.stopTokens(tokenizer: tokenizer, template: own) == [2])
        let chatML = try gguf.chatTemplate(override: "chatml", day: Self.day)
        #expect(try chatML.endOfTurn(tokenizer) == 2)
        try chatML.checkMarkers(tokenizer, systems: [.template, .none, .text("S")])
        for (name, marker) in [("llama-3", "<|eot_id|>"), ("gemma", "<end_of_turn>")] {
            let other = try gguf.chatTemplate(override: name, day: Self.day)
            let error = #expect(throws: CheckpointError.self) {
                try gguf.stopTokens(tokenizer: tokenizer, template: other)
            }
            #expect(
                error?.fault.contains("marker \(marker) is no single token") == true, "\(String(describing: error))")
        }
    }

    @Test func markersHaveToBeTokens() throws {
        let gguf = try Checkpoint.open(Fixture.path("models/tokenizer-smollm.gguf"))
        let tokenizer = try gguf.tokenizer()
        func check(_ source: String) throws {
            try template(source).checkMarkers(tokenizer, systems: [.template])
        }
        let turns = "{% for m in messages %}<|ROLE|>{{ m.content }}<|im_end|>{% endfor %}"
        #expect(throws: CheckpointError.self) { try check(turns.replacingOccurrences(of: "ROLE", with: "im_sep")) }
        #expect(throws: CheckpointError.self) { try check("<\u{FF5C}User\u{FF5C}>{{ messages[0].content }}") }
        #expect(throws: CheckpointError.self) { try check("<|user|>{{ messages[0].content }}") }
        // The roles' names may be spelled out where a token ends the turn; what is no marker is text.
        #expect(throws: Never.self) { try check(turns.replacingOccurrences(of: "ROLE", with: "user")) }
        #expect(throws: Never.self) { try check("[INST] {{ messages[0].content }} a < b | c > d <b>") }
        // A user's text is no template's marker.
        #expect(throws: Never.self) { try check("{{ messages[0].content }}") }
    }

    @Test func thinkingIsForTemplatesThatAsk() throws {
        for thinking in [Thinking.on, .off] {
            let error = #expect(throws: CheckpointError.self) {
                try template("{{ messages[0].content }}", thinking: thinking)
            }
            #expect(error?.fault.contains("does not look at enable_thinking") == true)
        }
        let checkpoint = try Checkpoint.open(Fixture.path("models/qwen2"))
        #expect(throws: CheckpointError.self) {
            try checkpoint.chatTemplate(override: "none", thinking: .off, day: Self.day)
        }
    }
}
