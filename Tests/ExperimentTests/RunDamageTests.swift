import Caching
import Checkpoint
import Experiment
import Foundation
import OutputFiles
import Selection
import StudyFile
import StudyReport
import StudySupport
import Synchronization
import TestSupport
import Testing

/// Whatever a power cut does to a run's files or to the cache: the next run comes to the same bytes.
@Suite struct RunDamageTests {
    private let files = TemporaryFolder()
    private let model = MatrixModel(layers: 2)

    enum Damage: String, CaseIterable, Sendable { case flippedBit, zeroedBlock, cutOff, swapped }
    enum Place: String, CaseIterable, Sendable { case run, cache, both }

    init() {
        for side in ["safety", "utility"] {
            files.write(
                (1...5).map { "{\"prompt\": \"\(side.first!)\($0)\", \"response\": \"r\($0)\"}\n" }.joined(),
                to: "\(side).jsonl")
        }
        files.write("harm a\nharm b\n", to: "harmful.txt")
        files.write(String(repeating: "text ", count: 40), to: "text.txt")
        files.write((1...14).map { "harm \($0)\n" }.joined(), to: "probe-harmful.txt")
        files.write((1...14).map { "kind \($0)\n" }.joined(), to: "probe-harmless.txt")
        files.write(
            """
            name: s
            model: m
            block_examples: 2
            batch_tokens: 500
            calibration:
              safety: {pairs: safety.jsonl}
              utility: {pairs: utility.jsonl}
            probe: {harmful: probe-harmful.txt, harmless: probe-harmless.txt}
            overlap: {p: 10, q: 10, rank: 1}
            conditions:
              - unedited
              - set_difference: {p: 20, q: 40}
              - {name: by_block, order: sequential, set_difference: {p: 20, q: 40}}
              - actsvd_top: {rank: 1}
              - orthogonal_projection: {r_u: 1, r_s: 1}
              - finetune: {pairs: utility.jsonl, steps: 2, batch: 2, freeze: set_difference}
            evaluation:
              harmful: harmful.txt
              max_new_tokens: 20
              perplexity: {file: text.txt, window: 100}
            """, to: "study.yaml")
    }

    private final class Lines: Sendable {
        let all = Mutex<[String]>([])
        func add(_ line: String) { all.withLock { $0.append(line) } }
    }

    /// - Returns: what the runner was asked for, and what was said of files.
    @discardableResult
    private func run(_ folder: String, cache: String) async throws -> (log: [String], lines: [String]) {
        let runner = FakeRunner(model)
        let lines = Lines()
        let run = try RunFolder(files.file(folder)) { lines.add($0) }
        let results = try await StudyRun(
            try Study(contentsOf: files.file("study.yaml")), runner: runner, codec: ByteCodec(),
            model: LongModel(model), modelDigest: "digest", folder: run, exporter: nil,
            cache: try ResultCache(files.file(cache)) { lines.add($0) }, announce: { _ in }
        ).run()
        try results.write(to: run, command: "c", versions: [], gnuplot: nil)
        return (runner.seen.log, lines.all.withLock { $0 })
    }

    /// All files below a folder, by name.
    private func contents(_ folder: String) -> [String: Data] {
        var all: [String: Data] = [:]
        for case let name as String in FileManager.default.enumerator(atPath: files.file(folder))! {
            if let data = FileManager.default.contents(atPath: files.file("\(folder)/\(name)")) { all[name] = data }
        }
        return all
    }

    private func copy(_ folder: String, to name: String) throws {
        try? FileManager.default.removeItem(atPath: files.file(name))
        try FileManager.default.copyItem(atPath: files.file(folder), toPath: files.file(name))
    }

    private func damage(_ data: Data, _ kind: Damage, seed: Int) -> Data {
        var data = data
        switch kind {
        case .flippedBit: data[(seed * 7919) % data.count] ^= UInt8(1 << (seed % 8))
        case .zeroedBlock:
            let start = (seed * 7919) % data.count / 4096 * 4096
            for index in start..<min(data.count, start + 4096) { data[index] = 0 }
        case .cutOff: data = data.prefix((seed * 7919) % data.count)
        case .swapped: break
        }
        return data
    }

    /// Every file, one after the other.
    @Test(arguments: Damage.allCases, Place.allCases) func noDamageChangesAByte(kind: Damage, place: Place) async throws
    {
        try await run("golden", cache: "cache")
        let golden = contents("golden")
        #expect(golden.keys.contains("scores/safety.safetensors") && golden.keys.contains(RunLedger.fileName))
        let targets = (place == .cache ? contents("cache") : golden).filter { !$0.value.isEmpty }
        var silent: [String] = []
        for (number, name) in targets.keys.sorted().enumerated() {
            var pieces = [name: damage(targets[name]!, kind, seed: number + 1)]
            if kind == .swapped {
                guard
                    let other = targets.keys.sorted().first(where: {
                        $0 != name && targets[$0]!.count == targets[name]!.count && targets[$0]! != targets[name]!
                    })
                else { continue }
                pieces = [name: targets[other]!, other: targets[name]!]
            }
            try copy("golden", to: "again")
            try copy("cache", to: "kept")
            let damaged = place == .cache ? "kept" : "again"
            for (name, data) in pieces { try data.write(to: URL(fileURLWithPath: files.file("\(damaged)/\(name)"))) }
            // A run of its own takes everything from the cache.
            if place == .cache { try? FileManager.default.removeItem(atPath: files.file("again")) }
            if place == .run { try FileManager.default.removeItem(atPath: files.file("kept")) }
            let (_, lines) = try await run("again", cache: "kept")
            let now = contents("again")
            for (file, data) in golden { #expect(now[file] == data, "\(name) damaged: \(file) differs") }
            if lines.isEmpty, ["scores/", "subspaces/", "objects/"].contains(where: name.hasPrefix) {
                silent.append(name)
            }
        }
        #expect(silent.isEmpty)
    }

    /// A damaged file of a run is not handed on.
    @Test func theCacheGetsNothingDamaged() async throws {
        try await run("golden", cache: "cache")
        let golden = contents("golden")
        for name in golden.keys where name.hasPrefix("scores/") || name.hasPrefix("subspaces/") {
            try copy("golden", to: "again")
            try damage(golden[name]!, .zeroedBlock, seed: 3).write(
                to: URL(fileURLWithPath: files.file("again/\(name)")))
            try? FileManager.default.removeItem(atPath: files.file("new"))
            #expect(try await run("again", cache: "new").lines.count == 1)
            try? FileManager.default.removeItem(atPath: files.file("third"))
            try await run("third", cache: "new")
            #expect(contents("third")[name] == golden[name])
        }
    }

    @Test func whatIsOnRecordIsNotMadeAgain() async throws {
        try await run("golden", cache: "cache")
        let (log, lines) = try await run("golden", cache: "empty")
        #expect(lines == [])
        #expect(!log.contains { $0.hasPrefix("score") || $0.contains("subspaces") }, "\(log)")
    }

    /// `sha256sum -c digests.sha256` reads it.
    @Test func theRecordIsALineAFile() async throws {
        try await run("golden", cache: "cache")
        let text = try String(contentsOfFile: files.file("golden/\(RunLedger.fileName)"), encoding: .utf8)
        let lines = text.split(separator: "\n")
        #expect(lines.contains { $0.hasSuffix("  scores/safety.safetensors") })
        #expect(lines.allSatisfy { $0.utf8.count > 66 })
        #expect(!text.contains("blocks/") && !text.contains(".moments"))
    }
}
