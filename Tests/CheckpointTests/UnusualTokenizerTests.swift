import Checkpoint
import Tensors
import TestSupport
import Testing

/// Tokenizers with unusual options, and tokens that only other files name, against `tokenizers` and transformers.
@Suite struct UnusualTokenizerTests {
    struct Pipeline: Decodable {
        var name: String
        var tokenizer: String
        var cases: [TokenizerTests.Case]
        var runs: [Run]
        struct Run: Decodable {
            var ids: [Int32]
            var decoded: String
        }
    }

    struct Folder: Decodable {
        var name: String
        var files: [String: String]
        var bos: String?
        var eos: String?
        var cases: [TokenizerTests.Case]
    }

    struct Digests: Decodable, Equatable {
        var composed: String
        var decomposed: String
        var marked: String
    }

    /// Steps in any order, unknown symbols, byte runs that are no UTF-8, merges with spaces, flags of added tokens.
    @Test func pipelinesAreThoseOfTokenizers() throws {
        for pipeline in try Fixture.decode([Pipeline].self, "tokenizers/unusual.json") {
            let tokenizer = try tokenizer(["tokenizer.json": pipeline.tokenizer])
            for item in pipeline.cases {
                let words = Comment(rawValue: "\(pipeline.name): \(item.text.debugDescription)")
                #expect(tokenizer.encode(item.text) == item.ids, words)
                #expect(tokenizer.encode(item.text, addSpecial: false) == item.plain, words)
                #expect(same(tokenizer.decode(item.ids, skipSpecial: false), item.decoded), words)
            }
            for run in pipeline.runs {
                let text = tokenizer.decode(run.ids, skipSpecial: false)
                #expect(same(text, run.decoded), "\(pipeline.name): \(run.ids): \(text.debugDescription)")
            }
        }
    }

    /// Which file wins where they disagree, which numbers and flags tokens get that `tokenizer.json` lacks.
    @Test func otherFilesNameTokensAsInTransformers() throws {
        for folder in try Fixture.decode([Folder].self, "tokenizers/special.json") {
            let scratch = TemporaryFolder()
            try model(scratch)
            for (file, text) in folder.files { try scratch.write(Array(text.utf8), file) }
            let checkpoint = try Checkpoint.open(scratch.path)
            let tokenizer = try checkpoint.tokenizer()
            for item in folder.cases {
                let words = Comment(rawValue: "\(folder.name): \(item.text)")
                #expect(tokenizer.encode(item.text) == item.ids, words)
                #expect(same(tokenizer.decode(item.ids, skipSpecial: true), item.decoded), words)
            }
            #expect(tokenizer.beginningOfText == folder.bos, "\(folder.name)")
            if let id = folder.eos.flatMap({ tokenizer.tokenID($0) }), Int(id) < checkpoint.config.vocabularySize {
                #expect(try checkpoint.stopTokens(tokenizer: tokenizer, template: nil).contains(id), "\(folder.name)")
            }
        }
    }

    @Test func canonicalFormsAreThoseOfTokenizers() throws {
        var (composed, decomposed, marked): ([UInt8], [UInt8], [UInt8]) = ([], [], [])
        let form = CanonicalForm.shared
        for code in Array(0..<0x20000) + Array(0x2F800..<0x2FA20) {
            guard let scalar = Unicode.Scalar(UInt32(code)) else { continue }
            composed += utf8(form.composed([scalar]))
            decomposed += utf8(form.decomposed([scalar]))
            marked += utf8(form.composed([scalar, "\u{301}", "\u{323}", "\u{110BA}"]))
        }
        let found = Digests(
            composed: Digest.sha256(composed), decomposed: Digest.sha256(decomposed), marked: Digest.sha256(marked))
        #expect(found == (try Fixture.decode(Digests.self, "tokenizers/canonical.json")))
    }

    /// Foundation makes "Á" of it.
    @Test func marksAboveTheBasicPlaneStayApart() {
        #expect(CanonicalForm.shared.composed(["\u{10041}", "\u{301}"]) == ["\u{10041}", "\u{301}"])
        #expect(CanonicalForm.shared.composed(["\u{11099}", "\u{110BA}"]) == ["\u{1109A}"])
    }

    @Test(arguments: [
        (#""dropout":0.1"#, "dropout is not supported"),
        (#""byte_fallback":"true""#, "byte_fallback is not true or false"),
        (#""fuse_unk":1"#, "fuse_unk is not true or false"), (#""unk_token":7"#, "unk_token is not a text"),
        (#""unk_token":"zz""#, "the unknown token zz is not in the vocabulary"),
        (#""end_of_word_suffix":"</w>""#, "end_of_word_suffix is not supported"),
        (#""continuing_subword_prefix":"\#u{23}\#u{23}""#, "continuing_subword_prefix is not supported"),
        (#""merges":["a b c"]"#, "merge 0 is no pair"), (#""vocab":{"a":0,"a":1}"#, "token a appears twice"),
        (#""vocab":{"a":0,"b":0}"#, "two tokens have the number 0"), (#""vocab":{"a":0.0}"#, "token a has no number"),
    ])
    func modelOptionsAreRefusedByName(option: String, fault: String) throws {
        // The last of two members counts, so the option overrides what stands before it.
        let key = option.prefix { $0 != ":" }
        let base = [#""vocab":{"a":0,"b":1}"#, #""merges":[]"#].filter { !$0.hasPrefix(key) }
        try refused(#"{"model":{"type":"BPE",\#((base + [option]).joined(separator: ","))}}"#, fault)
    }

    @Test(arguments: [
        (
            #""added_tokens":[{"id":9,"content":"X","special":true}]"#,
            "added token X has the number 9, tokenizers gives it 2"
        ),
        (#""added_tokens":[{"id":2,"content":"X","lstrip":"no"}]"#, "added token X: lstrip is not true or false"),
        (#""version":"2.0""#, "tokenizer version 2.0 is not supported (1.0 is)"),
        (
            #""pre_tokenizer":{"type":"Metaspace","replacement":"▁","add_prefix_space":false,"prepend_scheme":"first"}"#,
            "add_prefix_space false contradicts prepend_scheme first"
        ),
        (#""pre_tokenizer":{"type":"Digits","individual_digits":"true"}"#, "individual_digits is not true or false"),
        (
            #""normalizer":{"type":"NFD"},"pre_tokenizer":{"type":"Metaspace","replacement":"▁","prepend_scheme":"first"}"#,
            "Metaspace with prepend_scheme first after such a normalizer"
        ),
        (
            #""normalizer":{"type":"NFC"},"added_tokens":[{"id":2,"content":"é","normalized":true},{"id":3,"content":"e\u0301","normalized":true}]"#,
            "are normalised to the same text"
        ),
        (#""decoder":{"type":"WordPiece"}"#, "decoder WordPiece is not supported"),
        (#""decoder":{"type":"Strip","content":" ","start":0,"stop":1}"#, "decoder Strip at the end"),
        (
            #""post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"a"}}],"special_tokens":{"a":{"ids":[0]}}}"#,
            "a template that holds the text 0 times"
        ),
    ])
    func stepsAreRefusedByName(part: String, fault: String) throws {
        try refused(#"{"model":{"type":"BPE","vocab":{"a":0,"b":1},"merges":[]},\#(part)}"#, fault)
    }

    private func refused(_ json: String, _ fault: String) throws {
        let error = #expect(throws: CheckpointError.self) { try tokenizer(["tokenizer.json": json]) }
        #expect(error?.fault.contains(fault) == true, "\(String(describing: error))")
    }

    private func tokenizer(_ files: [String: String]) throws -> Tokenizer {
        let scratch = TemporaryFolder()
        try model(scratch)
        for (file, text) in files { try scratch.write(Array(text.utf8), file) }
        return try Checkpoint.open(scratch.path).tokenizer()
    }

    private func model(_ scratch: TemporaryFolder) throws {
        for name in ["config.json", "model.safetensors"] {
            try scratch.write(Fixture.bytes("models/qwen2/\(name)"), name)
        }
    }

    private func utf8(_ scalars: [Unicode.Scalar]) -> [UInt8] { scalars.flatMap { Array(UTF8.encode($0)!) } }

    private func same(_ a: String, _ b: String) -> Bool { a.utf8.elementsEqual(b.utf8) }
}
