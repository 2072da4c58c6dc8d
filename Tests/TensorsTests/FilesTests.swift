import Glibc
import Tensors
import TestSupport
import Testing

@Suite struct FilesTests {
    private let folder = TemporaryFolder()

    @Test func aFileIsWrittenReadMeasuredAndRemoved() throws {
        let path = folder.file("a")
        let bytes = (0..<200_000).map { UInt8(truncatingIfNeeded: $0) }
        try Files.write(bytes, to: path)
        #expect(try Files.bytes(path) == bytes)
        #expect(Files.byteCount(path) == bytes.count)
        #expect(Files.exists(path) && !Files.isFolder(path) && !Files.isExecutable(path))
        Files.removeFile(path)
        #expect(!Files.exists(path) && Files.byteCount(path) == nil && Files.text(path) == nil)
        #expect(throws: TensorFileError.self) { try Files.bytes(path) }
    }

    /// The kernel says of such a file that it has no bytes.
    @Test func filesOfTheKernelAreReadToTheirEnd() {
        #expect(Files.text("/proc/self/status")?.contains("VmHWM") == true)
    }

    @Test func foldersAreMadeListedAndRemovedWithAllTheyHold() throws {
        let top = folder.file("top")
        try Files.makeFolder("\(top)/b/c")
        try Files.makeFolder("\(top)/b/c")
        try Files.write([1], to: "\(top)/.hidden")
        try Files.write([2], to: "\(top)/b/c/file")
        #expect(Files.names(in: top) == [".hidden", "b"])
        #expect(Files.names(in: "\(top)/.hidden").isEmpty)
        Files.removeFile(top)
        #expect(Files.isFolder(top))
        let error = #expect(throws: InputError.self) { try Files.makeFolder("\(top)/.hidden/d") }
        #expect(error?.description.contains("cannot make this folder") == true)
        try Files.remove(top)
        #expect(!Files.exists(top))
        try Files.remove(top)
    }

    @Test func aLinkIsRemovedAndNotWhatItLeadsTo() throws {
        let (top, kept) = (folder.file("linked"), folder.file("kept"))
        try Files.makeFolder(top)
        try Files.makeFolder(kept)
        try Files.write([1], to: "\(kept)/file")
        #expect(symlink(kept, "\(top)/link") == 0)
        try Files.remove(top)
        #expect(!Files.exists(top) && Files.exists("\(kept)/file"))
    }
}
