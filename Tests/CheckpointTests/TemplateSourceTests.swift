import Checkpoint
import Foundation
import Jinja
import TestSupport
import Testing

/// Where templates come from.
@Suite struct TemplateSourceTests {
    private func open(_ files: [String: String]) throws -> (TemporaryFolder, Checkpoint) {
        let scratch = TemporaryFolder()
        for name in ["config.json", "model.safetensors"] {
            try scratch.write(Fixture.bytes("models/qwen2/\(name)"), name)
        }
        for (name, text) in files {
            let path = URL(fileURLWithPath: scratch.file(name)).deletingLastPathComponent()
            try FileManager.default.createDirectory(at: path, withIntermediateDirectories: true)
            try scratch.write(Array(text.utf8), name)
        }
        return (scratch, try Checkpoint.open(scratch.path))
    }

    private func source(_ files: [String: String]) throws -> String? {
        let (scratch, checkpoint) = try open(files)
        defer { withExtendedLifetime(scratch) {} }
        return try checkpoint.chatTemplateText()
    }

    @Test func sourcesInTransformersOrder() throws {
        let named = #"{"chat_template":[{"name":"tool_use","template":"T"},{"name":"default","template":"D"}]}"#
        let config = "tokenizer_config.json"
        #expect(try source([:]) == nil)
        #expect(try source([config: #"{"chat_template":"C"}"#]) == "C")
        #expect(try source([config: #"{"chat_template":null}"#]) == nil)
        #expect(try source([config: named]) == "D")
        #expect(try source([config: named, "chat_template.jinja": "F"]) == "F")
        #expect(try source(["chat_template.jinja": "F", "additional_chat_templates/tool_use.jinja": "T"]) == "F")
        #expect(try source(["chat_template.jinja": "F", "additional_chat_templates/default.jinja": "A"]) == "A")
        for files in [
            [config: #"{"chat_template":[{"name":"rag","template":"R"}]}"#], [config: #"{"chat_template":7}"#],
            [config: #"{"chat_template":[{"name":"default"}]}"#],
            [config: #"{"chat_template":"C"}"#, "additional_chat_templates/rag.jinja": "R"],
        ] {
            #expect(throws: CheckpointError.self, "\(files)") { try source(files) }
        }
    }

    @Test func specialTokensOfEveryFile() throws {
        let template = "{{ bos_token }}|{{ eos_token }}|{{ image_token }}|{{ unk_token }}|{{ messages[0].content }}"
        func text(_ files: [String: String]) throws -> String {
            let (scratch, checkpoint) = try open(files.merging(["chat_template.jinja": template]) { $1 })
            defer { withExtendedLifetime(scratch) {} }
            return try checkpoint.chatTemplate(day: ChatTemplateTests.day).text(user: "u")
        }
        let config = "tokenizer_config.json"
        let map = "special_tokens_map.json"
        #expect(try text([:]) == "||||u")
        #expect(
            try text([config: #"{"bos_token":"<a>","eos_token":{"content":"<e>"},"image_token":"<i>"}"#])
                == "<a>|<e>|<i>||u")
        #expect(
            try text([config: #"{"bos_token":"<a>"}"#, map: #"{"bos_token":{"content":"<b>"},"eos_token":"<e>"}"#])
                == "<b>|<e>|||u")
        #expect(
            try text([config: #"{"bos_token":"<a>","added_tokens_decoder":{}}"#, map: #"{"bos_token":"<b>"}"#])
                == "<a>||||u")
        #expect(
            try text([config: #"{"add_bos_token":true,"extra_special_tokens":{"image_token":"<x>"}}"#]) == "||<x>||u")
        #expect(try text([config: #"{"tokenizer_class":"LlamaTokenizerFast","bos_token":null}"#]) == "|</s>||<unk>|u")
    }

    @Test func namesAndFilesInPlaceOfTheOwn() throws {
        let (scratch, checkpoint) = try open([
            "chat_template.jinja": "own", "other.jinja": "other: {{ messages[0].content }}",
        ])
        let day = ChatTemplateTests.day
        #expect(try checkpoint.chatTemplate(day: day).text(user: "u") == "own")
        #expect(
            try checkpoint.chatTemplate(override: scratch.file("other.jinja"), day: day).text(user: "u") == "other: u")
        let texts = [
            "chatml": "<|im_start|>system\ns<|im_end|>\n<|im_start|>user\n u <|im_end|>\n<|im_start|>assistant\n",
            "llama-2": "[INST] <<SYS>>\ns\n<</SYS>>\n\n u [/INST]",
            "llama-3":
                "<|start_header_id|>system<|end_header_id|>\n\ns<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nu<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
            "mistral": "[INST] s\n\n u  [/INST]",
            "gemma": "<start_of_turn>user\ns\n\nu<end_of_turn>\n<start_of_turn>model\n", "none": "s\n\n u ",
        ]
        #expect(Set(texts.keys) == Set(TemplateFamily.names))
        for (name, text) in texts {
            let template = try checkpoint.chatTemplate(override: name, day: day)
            #expect(try template.text(user: " u ", system: .text("s")) == text, "\(name)")
        }
    }

    @Test func refusalsNameTheWayOut() throws {
        let day = ChatTemplateTests.day
        let checkpoint = try Checkpoint.open(Fixture.path("models/qwen2"))
        let none = #expect(throws: CheckpointError.self) { try checkpoint.chatTemplate(day: day) }
        #expect(
            none?.fault
                == "the checkpoint has no chat template: say --template chatml|llama-2|llama-3|mistral|gemma|none, or a file"
        )
        let unknown = #expect(throws: CheckpointError.self) {
            try checkpoint.chatTemplate(override: "vicuna", day: day)
        }
        #expect(unknown?.fault.contains("no chat template is called vicuna") == true)
        for (source, word) in [
            ("{% if %}", "line 1"), ("\n{% include 'x' %}", "line 2: {% include %}"), ("{{ x.y }}", "'x' is undefined"),
            ("{{ raise_exception('never') }}", "never"),
        ] {
            let (scratch, checkpoint) = try open(["chat_template.jinja": source])
            let error = #expect(throws: CheckpointError.self) { try checkpoint.chatTemplate(day: day) }
            #expect(error?.fault.contains(word) == true, "\(String(describing: error))")
            #expect(error?.file == scratch.file("chat_template.jinja"))
        }
    }

    @Test func datesAreTheDayThatWasSaid() throws {
        let (scratch, checkpoint) = try open([
            "chat_template.jinja": "{{ strftime_now('%d %b %Y') }} {{ messages[0].content }}"
        ])
        defer { withExtendedLifetime(scratch) {} }
        let template = try checkpoint.chatTemplate(day: #require(CalendarDay("2024-07-26")))
        #expect(try template.text(user: "u") == "26 Jul 2024 u")
        #expect(template.isDated)
    }
}
