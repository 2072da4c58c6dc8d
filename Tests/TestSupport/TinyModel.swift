import Foundation

/// A model of three small layers with a tokenizer of single letters, as a folder that both programs read.
public enum TinyModel {
    /// Weights and configuration alone.
    public static let fixture = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../ModelFixtures/Fixtures/llama").standardized.path

    /// - Parameter pairs: how many pairs there are to score.
    public static func make(in scratch: TemporaryFolder, pairs count: Int = 24) throws -> (model: String, pairs: String)
    {
        let folder = scratch.file("model")
        try FileManager.default.copyItem(atPath: fixture, toPath: folder)
        var vocabulary: [String: Int] = ["<unk>": 0, "<s>": 1, "</s>": 2, "\u{120}": 30, "\u{10A}": 31]
        for (index, letter) in "abcdefghijklmnopqrstuvwxyz".enumerated() { vocabulary[String(letter)] = 3 + index }
        let bytes: [String: Any] = [
            "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true,
        ]
        let tokenizer: [String: Any] = [
            "version": "1.0", "normalizer": NSNull(), "post_processor": NSNull(), "pre_tokenizer": bytes,
            "decoder": bytes,
            "added_tokens": ["<unk>", "<s>", "</s>"].enumerated().map { index, text in
                [
                    "id": index, "content": text, "special": true, "single_word": false, "lstrip": false,
                    "rstrip": false, "normalized": false,
                ] as [String: Any]
            },
            "model": [
                "type": "BPE", "vocab": vocabulary, "merges": [String](), "unk_token": "<unk>", "fuse_unk": false,
                "byte_fallback": false,
            ] as [String: Any],
        ]
        try JSONSerialization.data(withJSONObject: tokenizer, options: .sortedKeys)
            .write(to: URL(fileURLWithPath: "\(folder)/tokenizer.json"))
        let pairs = (0..<count).map { index in
            let word = "riverdanube".dropFirst(index % 7)
            return "{\"prompt\": \"name a \(word)\", \"response\": \"\(word) \(word)\"}\n"
        }
        return (folder, try scratch.write(Array(pairs.joined().utf8), "pairs.jsonl"))
    }
}
