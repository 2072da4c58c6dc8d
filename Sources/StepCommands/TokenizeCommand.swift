package import ArgumentParser
import Checkpoint
import Console
import Scheduling
import Tensors

/// Tokens of texts and text of tokens, for comparisons with other programs (`scripts/check/sweep`).
package struct TokenizeCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "tokenize", abstract: "Tokens of texts, and their text again.", shouldDisplay: false)

    @Option(help: "The checkpoint.") package var model: String
    @Option(help: #"JSON lines: {"text": …} or {"ids": […]}."#) package var texts: String

    package init() {}

    package func run() throws {
        let tokenizer = try Checkpoint.open(model).tokenizer()
        let lines = try FileMapping(path: texts)
        try withExtendedLifetime(lines) {
            for line in lines.bytes.split(separator: UInt8(ascii: "\n")) where !line.isEmpty {
                let item = try JSON.parse(UnsafeRawBufferPointer(rebasing: line))
                let ids = (item["ids"]?.elements).map { $0.compactMap(\.int).map { Int32($0) } }
                let tokens = ids ?? tokenizer.encode(item["text"]?.string ?? "")
                let plain = ids ?? tokenizer.encode(item["text"]?.string ?? "", addSpecial: false)
                func list(_ ids: [Int32]) -> JSON { .array(ids.map { .integer(Int($0)) }) }
                let result = JSON.object([
                    JSON.Member("ids", list(tokens)), JSON.Member("plain", list(plain)),
                    JSON.Member("decoded", .text(tokenizer.decode(tokens, skipSpecial: false))),
                    JSON.Member("skipped", .text(tokenizer.decode(tokens, skipSpecial: true))),
                ])
                Terminal.json(String(decoding: result.encoded(), as: UTF8.self))
            }
        }
    }
}
