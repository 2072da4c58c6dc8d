package import Checkpoint
import Foundation
import Linalg
package import Protocol
package import Tensors
package import Transformer

/// A tiny random model and what PyTorch computed with it (scripts/fixtures/make_transformer.py).
package struct Fixture: CustomStringConvertible, Sendable {
    package static let names = [
        "llama", "llama_gqa_llama3_tied", "llama_linear_biases", "llama_yarn", "mistral", "qwen2", "qwen3",
    ]

    package let name: String
    package let source: Checkpoint
    package let expected: TensorBundle
    package var description: String { name }
    package var path: String { Self.folder + "/" + name }

    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/Fixtures"

    package init(_ name: String) throws {
        self.name = name
        source = try Checkpoint.open(Self.folder + "/" + name)
        expected = try TensorBundle(safetensors: Self.folder + "/" + name + "/expected.safetensors")
    }

    package func floats(_ name: String) throws -> [Float] {
        guard let entry = expected[name] else { throw Missing(name: name) }
        return entry.buffer.floatArray()
    }

    package func doubles(_ name: String) throws -> [Double] {
        guard let entry = expected[name] else { throw Missing(name: name) }
        return entry.buffer.address.withMemoryRebound(to: Double.self, capacity: entry.shape[0]) {
            Array(UnsafeBufferPointer(start: $0, count: entry.shape[0]))
        }
    }

    package func integers(_ name: String) throws -> [Int32] {
        guard let entry = expected[name] else { throw Missing(name: name) }
        return entry.buffer.int32Array()
    }

    package func sequences() throws -> [TokenSequence] {
        let tokens = try integers("tokens")
        var start = 0
        return try zip(integers("lengths"), integers("scored_from")).map { length, from in
            defer { start += Int(length) }
            return TokenSequence(tokens: Array(tokens[start..<start + Int(length)]), scoredFrom: Int(from))
        }
    }

    package func packed(_ sequences: [TokenSequence]) throws -> PackedBatch {
        try PackedBatch(sequences.map { ($0.tokens, $0.scoredFrom, $0.prefix) })
    }

    package func stage(threads: Int = 1, resident: Bool = true) throws -> Stage {
        try Stage(
            source: source, layers: 0..<source.config.layerCount, first: true, last: true,
            pool: ThreadPool(threads: threads), resident: resident)
    }

    package struct Missing: Error { let name: String }
}

/// ‖a − b‖ / ‖b‖
package func relativeError(_ a: some Collection<Float>, _ b: some Collection<Float>) -> Double {
    precondition(a.count == b.count, "\(a.count) values against \(b.count)")
    var difference = 0.0
    var norm = 0.0
    for (x, y) in zip(a, b) {
        difference += Double(x - y) * Double(x - y)
        norm += Double(y) * Double(y)
    }
    return (difference / max(norm, 1e-30)).squareRoot()
}
