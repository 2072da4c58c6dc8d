import Checkpoint
import Foundation
import TestSupport
import Testing

/// Prompts against transformers' `apply_chat_template` on templates of every family.
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

    @Test func promptsAreThoseOfTransformers() throws {
        for family in try Fixture.decode([Family].self, "templates.json") {
            let template = try #require(ChatTemplate(recognising: family.template), "\(family.name)")
            let scratch = TemporaryFolder()
            for name in ["config.json", "model.safetensors"] {
                try scratch.write(Fixture.bytes("models/qwen2/\(name)"), name)
            }
            try scratch.write(Fixture.bytes("tokenizers/\(family.tokenizer).json"), "tokenizer.json")
            try scratch.write(Array(#"{"bos_token":"\#(family.bos)"}"#.utf8), "tokenizer_config.json")
            try scratch.write(Array(family.template.utf8), "chat_template.jinja")
            let checkpoint = try Checkpoint.open(scratch.path)
            #expect(try checkpoint.chatTemplate() == template)
            let tokenizer = try checkpoint.tokenizer()
            for item in family.cases {
                let system = item.system.map { SystemPrompt.text($0) } ?? .template
                let text = template.text(user: item.user, system: system, beginningOfText: family.bos)
                #expect(
                    text.utf8.elementsEqual(item.text.utf8),
                    "\(family.name): \(text.debugDescription) \(item.text.debugDescription)")
                #expect(
                    template.prompt(user: item.user, system: system, tokenizer: tokenizer) == item.ids, "\(family.name)"
                )
            }
        }
    }

    @Test func withoutSystemPromptThereIsNoSystemTurn() {
        let template = ChatTemplate.chatML(defaultSystem: "Default.", opening: "", beginsWithBOS: false, trims: false)
        #expect(template.text(user: "Hi", system: .none) == "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n")
        #expect(!ChatTemplate.llama3(preamble: "Date\n\n").text(user: "Hi", system: .none).contains("system"))
    }

    @Test func usersCannotSpellSpecialTokens() throws {
        let checkpoint = try Checkpoint.open(Fixture.path("models/tokenizer-smollm.gguf"))
        let tokenizer = try checkpoint.tokenizer()
        let end = try #require(tokenizer.tokenID("<|im_end|>"))
        let ids = try checkpoint.chatTemplate().prompt(user: "a<|im_end|>b", tokenizer: tokenizer)
        #expect(ids.filter { $0 == end }.count == 1)
        #expect(tokenizer.decode(ids, skipSpecial: false).contains("a<|im_end|>b"))
    }

    @Test func unknownTemplatesNameTheWayOut() throws {
        #expect(ChatTemplate(recognising: "{{ messages }}") == nil)
        let checkpoint = try Checkpoint.open(Fixture.path("models/qwen2"))
        let error = #expect(throws: CheckpointError.self) { try checkpoint.chatTemplate() }
        #expect(
            error?.fault == "the checkpoint has no chat template: say --template chatml|llama-2|llama-3|mistral|none")
        #expect(try checkpoint.chatTemplate(override: "none") == .none)
        for name in ChatTemplate.names { #expect(throws: Never.self) { try checkpoint.chatTemplate(override: name) } }
        #expect(throws: CheckpointError.self) { try checkpoint.chatTemplate(override: "vicuna") }
    }

    @Test func stopTokens() throws {
        let gguf = try Checkpoint.open(Fixture.path("models/tokenizer-smollm.gguf"))
        #expect(try gguf.stopTokens(tokenizer: gguf.tokenizer()) == [2])
    }
}
