import Dispatch
import Foundation
import Tensors
import TestSupport
import Testing

/// Whole files by the digests of their pieces, and what a machine remembers of them.
@Suite struct FileContentTests {
    private let folder = TemporaryFolder()
    private var memory: ContentMemory { memory() }

    /// A memory whose clock is ten seconds, or as many as asked for, ahead.
    private func memory(isDoubted: Bool = false, ahead: Int = 10) -> ContentMemory {
        ContentMemory(folder: folder.file("cache/memory"), isDoubted: isDoubted) {
            ContentMemory.time() + ahead * 1_000_000_000
        }
    }

    private func content(_ path: String, _ memory: ContentMemory? = nil) throws -> FileContent {
        FileContent(try FileMapping(path: path), memory: memory)
    }

    /// Bytes that would be read to know the file.
    private func unknown(_ path: String, _ memory: ContentMemory) throws -> Int {
        let content = try content(path, memory)
        return content.unknownBytes(under: [0..<content.byteCount])
    }

    @Test(arguments: [0, 1, 4096, FileContent.pieceBytes - 1, FileContent.pieceBytes, 2 * FileContent.pieceBytes + 77])
    func everyByteCounts(size: Int) throws {
        var bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
        let path = try folder.write(bytes, "file")
        let digest = try content(path).digest()
        #expect(try content(folder.write(bytes, "copy")).digest() == digest)
        for place in Set([0, size / 2, size - 1, FileContent.pieceBytes]).filter({ bytes.indices.contains($0) }) {
            bytes[place] ^= 4
            #expect(try content(folder.write(bytes, "other")).digest() != digest, "byte \(place)")
            bytes[place] ^= 4
        }
        #expect(try content(folder.write(bytes + [0], "longer")).digest() != digest)
    }

    @Test func onlyThePiecesUnderARangeAreRead() throws {
        let piece = FileContent.pieceBytes
        let path = try folder.write([UInt8](repeating: 1, count: 2 * piece + 5), "file")
        let content = try content(path)
        #expect(content.unknownBytes(under: [piece..<piece + 1, piece + 7..<piece + 9]) == piece)
        #expect(content.digests(under: [piece..<piece + 1]).map(\.piece) == [1])
        #expect(content.digests(under: [0..<1, 2 * piece..<2 * piece + 5]).map(\.piece) == [0, 2])
        #expect(content.unknownBytes(under: [0..<2 * piece + 5]) == 0)
        #expect(content.digests(under: [3..<3]).isEmpty)
    }

    @Test func aFileIsReadOnce() throws {
        let path = try folder.write([1, 2, 3], "file")
        let digest = try content(path, memory).digest()
        #expect(try unknown(path, memory) == 0)
        #expect(try content(path, memory).digest() == digest)
        // Another name is another file; a link is the same.
        #expect(try unknown(folder.write([1, 2, 3], "other"), memory) == 3)
        try FileManager.default.createSymbolicLink(atPath: folder.file("link"), withDestinationPath: path)
        #expect(try unknown(folder.file("link"), memory) == 0)
    }

    /// Whatever the clock of the file system cannot tell apart is hashed again.
    @Test func whatHasJustChangedIsNotRemembered() throws {
        let path = try folder.write([1, 2, 3], "file")
        _ = try content(path, memory(ahead: 1)).digest()
        #expect(try unknown(path, memory) == 3)
    }

    /// The content changes, size and time of modification stay: the time of change does not.
    @Test func aChangeThatKeepsTheTimeOfModificationIsNoticed() throws {
        let path = try folder.write([1, 2, 3], "file")
        let digest = try content(path, memory).digest()
        let before = FileIdentity(path: path)!
        // The clock of the file system ticks every few milliseconds.
        repeat {
            let handle = FileHandle(forWritingAtPath: path)!
            handle.write(Data([9]))
            try handle.close()
        } while FileIdentity(path: path)!.changed == before.changed
        var times = [timespec(), timespec()]
        for index in 0..<2 {
            times[index].tv_sec = before.modified / 1_000_000_000
            times[index].tv_nsec = before.modified % 1_000_000_000
        }
        #expect(utimensat(AT_FDCWD, path, times, 0) == 0)
        let after = FileIdentity(path: path)!
        #expect(after.modified == before.modified && after.size == before.size && after.inode == before.inode)
        #expect(try unknown(path, memory) == 3)
        #expect(try content(path, memory).digest() != digest)
    }

    @Test func whoDoubtsReadsAgain() throws {
        let path = try folder.write([1, 2, 3], "file")
        _ = try content(path, memory).digest()
        let doubted = memory(isDoubted: true)
        #expect(try unknown(path, doubted) == 3)
        _ = try content(path, doubted).digest()
        // Once.
        #expect(try unknown(path, doubted) == 0)
        #expect(try unknown(path, memory) == 0)
    }

    @Test func aDamagedMemoryIsIgnored() throws {
        let path = try folder.write([1, 2, 3], "file")
        let digest = try content(path, memory).digest()
        let place = folder.file("cache/memory")
        let name = try #require(FileManager.default.contentsOfDirectory(atPath: place).first)
        let whole = [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(place)/\(name)")))
        var damages: [[UInt8]] = stride(from: 0, to: whole.count, by: 7).map { index in
            var bytes = whole
            bytes[index] ^= 1
            return bytes
        }
        damages += [[], Array(whole.prefix(64)), Array(whole.dropLast()), [UInt8](repeating: 0, count: whole.count)]
        for bytes in damages {
            try Data(bytes).write(to: URL(fileURLWithPath: "\(place)/\(name)"))
            #expect(try unknown(path, memory) == 3)
            #expect(try content(path, memory).digest() == digest)
        }
        // And is written anew.
        #expect(try unknown(path, memory) == 0)
    }

    @Test func whereNothingCanBeRememberedFilesAreReadAgain() throws {
        let path = try folder.write([1, 2, 3], "file")
        let nowhere = ContentMemory(folder: "/proc/none/memory") { Int.max }
        let digest = try content(path).digest()
        #expect(try content(path, nowhere).digest() == digest)
        #expect(try unknown(path, nowhere) == 3)
    }

    /// Stages of one model on one machine know different pieces of the same file.
    @Test func writersAtOnceAddUp() throws {
        let piece = FileContent.pieceBytes
        let path = try folder.write([UInt8](repeating: 3, count: 2 * piece), "file")
        _ = try content(path, memory).digests(under: [0..<1])
        _ = try content(path, memory).digests(under: [piece..<piece + 1])
        #expect(try unknown(path, memory) == 0)
        let (file, memory) = (try FileMapping(path: path), memory)
        DispatchQueue.concurrentPerform(iterations: 4) { _ in _ = FileContent(file, memory: memory).digest() }
        #expect(try unknown(path, memory) == 0)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.file("cache/memory")).count == 1)
    }
}
