import Foundation
import Tensors
import TestSupport
import Testing

struct ScopedTemporaryDirectoryTests {
    @Test func whatTheDeadLeftBehindGoesAndNothingElse() throws {
        let scratch = TemporaryFolder()
        let manager = FileManager.default
        // A dead process's folder holds a file that nobody has locked.
        for name in ["fl-aaaaaa", "fl-bbbbbb", "fl-longer-name", "other"] {
            try manager.createDirectory(atPath: scratch.file(name), withIntermediateDirectories: false)
        }
        try scratch.write([], "fl-aaaaaa/.owner")
        try scratch.write([1], "fl-aaaaaa/socket")
        try scratch.write([], "fl-longer-name/.owner")
        let first = try ScopedTemporaryDirectory(prefix: scratch.file("fl-"))
        #expect(!manager.fileExists(atPath: scratch.file("fl-aaaaaa")))
        // The living keep theirs; whose folder is not known is left alone.
        let second = try ScopedTemporaryDirectory(prefix: scratch.file("fl-"))
        #expect(manager.fileExists(atPath: first.path) && manager.fileExists(atPath: second.path))
        #expect(try scratch.contents().filter { !$0.hasPrefix("fl-") || $0.count > 9 } == ["fl-longer-name", "other"])
        #expect(manager.fileExists(atPath: scratch.file("fl-bbbbbb")))
        second.remove()
        #expect(!manager.fileExists(atPath: second.path))
    }

    @Test func aFolderThatCannotBeMadeIsNamed() {
        let error = #expect(throws: TensorFileError.self) { try ScopedTemporaryDirectory(prefix: "/nowhere/fl-") }
        #expect(error?.description.contains("/nowhere/fl-XXXXXX: cannot make this folder") == true)
    }
}
