import Caching
import Checkpoint
import Dispatch
import Foundation
import ModelService
import Synchronization
import Tensors
import TestSupport
import Testing

@Suite struct ResultCacheTests {
    let files = TemporaryFolder()

    final class Lines: Sendable {
        private let lines = Mutex<[String]>([])
        var all: [String] { lines.withLock { $0 } }
        func add(_ line: String) { lines.withLock { $0.append(line) } }
    }

    private static let key = String(repeating: "ab", count: 32)

    private func cache(_ lines: Lines = Lines()) throws -> ResultCache {
        try ResultCache(files.file("cache")) { lines.add($0) }
    }

    /// Flips the last byte of the only file in a part of the cache.
    private func damage(_ part: String) throws {
        let folder = files.file("cache/\(part)")
        for case let name as String in FileManager.default.enumerator(atPath: folder)! {
            let path = "\(folder)/\(name)"
            guard var data = FileManager.default.contents(atPath: path) else { continue }
            data[data.count - 1] ^= 1
            try data.write(to: URL(fileURLWithPath: path))
        }
    }

    @Test func smallResultsComeBack() throws {
        let cache = try cache()
        #expect(cache.bytes(Self.key) == nil)
        for bytes in [[], [10, 10, 0, 255], [UInt8](repeating: 7, count: 100_000)] as [[UInt8]] {
            try cache.store(Self.key, bytes: bytes)
            #expect(cache.bytes(Self.key) == bytes)
        }
        #expect(cache.bytes(String(repeating: "0", count: 64)) == nil)
    }

    @Test func filesComeBackAndOutliveTheirRun() throws {
        let cache = try cache()
        let path = files.write("a large result", to: "made")
        try cache.store(Self.key, file: path)
        try FileManager.default.removeItem(atPath: path)
        files.write("something else", to: "other")
        #expect(cache.fetch(Self.key, to: files.file("other")))
        #expect(try String(contentsOfFile: files.file("other"), encoding: .utf8) == "a large result")
        #expect(!cache.fetch(String(repeating: "0", count: 64), to: files.file("none")))
        #expect(!FileManager.default.fileExists(atPath: files.file("none")))
        // Once more over itself.
        #expect(cache.fetch(Self.key, to: files.file("other")))
        #expect(try FileManager.default.contentsOfDirectory(atPath: files.path).sorted() == ["cache", "other"])
    }

    @Test func aDamagedResultIsSaidAndMadeAgain() throws {
        let lines = Lines()
        let cache = try cache(lines)
        try cache.store(Self.key, bytes: [1, 2, 3])
        try damage("entries")
        #expect(cache.bytes(Self.key) == nil)
        #expect(lines.all.count == 1)
        #expect(lines.all.first?.hasSuffix("is damaged: it is made again") == true)
        try cache.store(Self.key, bytes: [1, 2, 3])
        #expect(cache.bytes(Self.key) == [1, 2, 3])
    }

    /// Files that trade places are sound in themselves.
    @Test(arguments: ["entries", "links"]) func whatLiesUnderAnothersNameIsSaidAndMadeAgain(part: String) throws {
        let lines = Lines()
        let cache = try cache(lines)
        let other = String(repeating: "cd", count: 32)
        for (key, number) in [(Self.key, UInt8(1)), (other, 2)] {
            try cache.store(key, bytes: [number])
            try cache.store(key, file: try files.write([number], "made"))
            unlink(files.file("made"))
        }
        let paths = [Self.key, other].map { files.file("cache/\(part)/\($0.prefix(2))/\($0)") }
        let contents = paths.map { FileManager.default.contents(atPath: $0)! }
        for (path, data) in zip(paths, contents.reversed()) { try data.write(to: URL(fileURLWithPath: path)) }
        for key in [Self.key, other] {
            if part == "entries" {
                #expect(cache.bytes(key) == nil)
            } else {
                #expect(!cache.fetch(key, to: files.file("fetched")))
            }
        }
        #expect(lines.all.count == 2)
    }

    @Test(arguments: ["objects", "links"])
    func aDamagedFileIsSaidAndMadeAgain(part: String) throws {
        let lines = Lines()
        let cache = try cache(lines)
        try cache.store(Self.key, file: files.write("large", to: "made"))
        // The run's file is another name of the same bytes: it goes with its run.
        unlink(files.file("made"))
        try damage(part)
        #expect(!cache.fetch(Self.key, to: files.file("again")))
        #expect(lines.all.count == 1)
        try cache.store(Self.key, file: files.write("large", to: "made"))
        #expect(cache.fetch(Self.key, to: files.file("again")))
    }

    @Test func manyMayWriteAtOnce() throws {
        let cache = try cache()
        let path = files.write(String(repeating: "x", count: 50_000), to: "made")
        let failures = Mutex(0)
        DispatchQueue.concurrentPerform(iterations: 64) { index in
            do {
                try cache.store(Self.key, bytes: [UInt8](repeating: 5, count: 10_000))
                try cache.store(Self.key, file: path)
                let fetched = cache.fetch(Self.key, to: files.file("to-\(index)"))
                let good = fetched && cache.bytes(Self.key)?.count == 10_000
                if !good { failures.withLock { $0 += 1 } }
            } catch { failures.withLock { $0 += 1 } }
        }
        #expect(failures.withLock { $0 } == 0)
    }

    @Test func keysTellApartWhatDecidesTheBytes() {
        let keys = CacheKeys(modelDigest: "m", kernels: "HASWELL 2")
        let key = keys.key("answers", ["unedited", "x"])
        #expect(key == CacheKeys(modelDigest: "m", kernels: "HASWELL 2").key("answers", ["unedited", "x"]))
        let others = [
            CacheKeys(modelDigest: "n", kernels: "HASWELL 2").key("answers", ["unedited", "x"]),
            CacheKeys(modelDigest: "m", kernels: "SKYLAKEX 2").key("answers", ["unedited", "x"]),
            keys.key("losses", ["unedited", "x"]), keys.key("answers", ["unedited", "y"]),
            keys.key("answers", ["edited", "x"]),
        ]
        #expect(Set(others + [key]).count == 6)
    }

    @Test func tensorsAreKnownByTheirBytesAlone() {
        func bundle(_ value: Float, _ words: [String: String]) -> TensorBundle {
            TensorBundle(
                metadata: words, entries: [.init(name: "w", type: .f32, shape: [1], buffer: AlignedBuffer([value]))])
        }
        #expect(ModelState.digest(bundle(1, ["condition": "a"])) == ModelState.digest(bundle(1, ["condition": "b"])))
        #expect(ModelState.digest(bundle(1, [:])) != ModelState.digest(bundle(2, [:])))
    }
}
