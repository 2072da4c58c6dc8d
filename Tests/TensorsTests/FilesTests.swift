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

    @Test func aStatusTellsALinkFromWhatItLeadsTo() throws {
        let (path, link) = (folder.file("a"), folder.file("link"))
        try Files.write([1, 2, 3], to: path)
        chmod(path, 0o640)
        #expect(symlink(path, link) == 0)
        #expect(try FileStatus(path: link).kind == .file && FileStatus(name: link).kind == .link)
        let status = try FileStatus(path: link)
        #expect(status.byteCount == 3 && status.permissions == 0o640 && status.owner == geteuid())
        #expect(status.isOpenToOthers && !status.isWritableByOthers && !status.isSticky)
        #expect(try FileStatus(path: folder.path).kind == .folder)
        #expect(try FileStatus(path: "/dev/null").kind == .device)
        Files.removeFile(path)
        #expect(Files.isTaken(link) && !Files.exists(link) && Files.resolved(link) == nil)
        #expect(throws: FileFault(code: ENOENT)) { try FileStatus(path: link) }
        #expect(throws: FileFault(code: ENAMETOOLONG)) { try FileStatus(name: String(repeating: "a", count: 300)) }
    }

    @Test func namesAreGivenAndTakenAtOnce() throws {
        let (a, b) = (folder.file("a"), folder.file("b"))
        try Files.write([1], to: a)
        #expect(Files.link(a, as: b) && !Files.link(a, as: b))
        try Files.write([2], to: a)
        #expect(try Files.bytes(b) == [1])
        try Files.rename(a, to: b)
        #expect(try !Files.exists(a) && Files.bytes(b) == [2])
        let fault = #expect(throws: FileFault.self) { try Files.rename(a, to: b) }
        #expect(fault?.code == ENOENT && fault?.description == "No such file or directory")
    }

    @Test func oneFolderIsMadeInItsModeOrTheFaultIsTold() throws {
        let path = folder.file("one")
        try Files.makeOneFolder(path, mode: 0o700)
        #expect(try FileStatus(path: path).permissions == 0o700)
        try Files.checkWritable(folder: path)
        #expect(Files.isWritable(path))
        #expect(throws: FileFault(code: EEXIST)) { try Files.makeOneFolder(path) }
        #expect(throws: FileFault(code: ENOENT)) { try Files.makeOneFolder(folder.file("none/two")) }
        #expect(throws: FileFault(code: ENOENT)) { try Files.checkWritable(folder: folder.file("none")) }
    }
}
