import Checkpoint
import Foundation
import TestSupport
import Testing

/// Token numbers against the `tokenizers` and `sentencepiece` libraries'.
@Suite struct TokenizerTests {
    struct Case: Decodable {
        var text: String
        var ids: [Int32]
        var plain: [Int32]?
        var decoded: String
    }

    @Test(arguments: ["gpt2", "gpt2-prefix", "smollm", "llama3", "qwen2", "llama2", "mistral"])
    func fromTokenizerJSON(name: String) throws {
        let scratch = TemporaryFolder()
        try folder(scratch, tokenizer: name)
        let tokenizer = try Checkpoint.open(scratch.path).tokenizer()
        for item in try Fixture.decode([Case].self, "tokenizers/\(name).cases.json") {
            #expect(tokenizer.encode(item.text) == item.ids, "\(item.text.debugDescription)")
            #expect(tokenizer.encode(item.text, addSpecial: false) == item.plain, "\(item.text.debugDescription)")
            #expect(
                Array(tokenizer.decode(item.ids, skipSpecial: false).unicodeScalars)
                    == Array(item.decoded.unicodeScalars),
                "\(item.text.debugDescription)")
        }
    }

    /// The same tokenizers stored as llama.cpp stores them. It has no place for WORD's and <mask>'s flags.
    @Test(arguments: ["smollm", "llama3", "qwen2"])
    func fromGGUF(name: String) throws {
        let tokenizer = try Checkpoint.open(Fixture.path("models/tokenizer-\(name).gguf")).tokenizer()
        for item in try Fixture.decode([Case].self, "tokenizers/\(name).cases.json")
        where !item.text.contains("WORD") && !item.text.contains("<mask>") {
            #expect(tokenizer.encode(item.text) == item.ids, "\(item.text.debugDescription)")
            #expect(tokenizer.decode(item.ids, skipSpecial: false).utf8.elementsEqual(item.decoded.utf8))
        }
    }

    @Test func sentencePieceFromGGUF() throws {
        let tokenizer = try Checkpoint.open(Fixture.path("models/tokenizer-spm.gguf")).tokenizer()
        for item in try Fixture.decode([Case].self, "models/tokenizer-spm.cases.json") {
            #expect(tokenizer.encode(item.text) == item.ids, "\(item.text.debugDescription)")
            #expect(tokenizer.decode(item.ids) == item.decoded)
        }
    }

    @Test func specialTokensInTextCanStayText() throws {
        let tokenizer = try Checkpoint.open(Fixture.path("models/tokenizer-smollm.gguf")).tokenizer()
        let start = try #require(tokenizer.tokenID("<|im_start|>"))
        #expect(tokenizer.encode("a<|im_start|>").last == start)
        let plain = tokenizer.encode("a<|im_start|>", parseSpecial: false)
        #expect(!plain.contains(start))
        #expect(tokenizer.decode(plain) == "a<|im_start|>")
        #expect(tokenizer.decode([start] + plain, skipSpecial: true) == "a<|im_start|>")
    }

    @Test func numbersOutsideTheVocabularyDecodeToNothing() throws {
        let tokenizer = try Checkpoint.open(Fixture.path("models/tokenizer-smollm.gguf")).tokenizer()
        #expect(tokenizer.decode([-1, .max, Int32(tokenizer.vocabularySize)]) == "")
    }

    @Test(arguments: [
        (
            #"{"pre_tokenizer":{"type":"Split","pattern":{"Regex":"x"},"behavior":"Isolated","invert":false}}"#,
            "pre-tokenizer Split"
        ),
        (#"{"model":{"type":"Unigram","vocab":[]}}"#, "tokenizer model Unigram"),
        (#"{"normalizer":{"type":"Lowercase"},"model":{"type":"BPE","vocab":{}}}"#, "normalizer Lowercase"),
        (#"{"model":{"type":"BPE","vocab":{"a":0},"merges":["a b"]}}"#, "merge 0"),
        (#"{"model":{"type":"BPE","vocab":{"a":-1}}}"#, "token a has no number"), (#"{"model":{"#, "not valid JSON"),
        (#"{"model":{"type":"BPE"}}"#, "without vocabulary"),
    ])
    func unknownPartsAreNamed(json: String, fault: String) throws {
        let scratch = TemporaryFolder()
        try folder(scratch, tokenizer: nil)
        try scratch.write(Array(json.utf8), "tokenizer.json")
        let error = #expect(throws: CheckpointError.self) { try Checkpoint.open(scratch.path).tokenizer() }
        #expect(error?.fault.contains(fault) == true, "\(String(describing: error))")
    }

    /// A model folder with that tokenizer; the model itself does not matter.
    private func folder(_ scratch: TemporaryFolder, tokenizer: String?) throws {
        for name in ["config.json", "model.safetensors"] {
            try scratch.write(Fixture.bytes("models/qwen2/\(name)"), name)
        }
        if let tokenizer { try scratch.write(Fixture.bytes("tokenizers/\(tokenizer).json"), "tokenizer.json") }
    }
}
