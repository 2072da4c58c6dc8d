#if canImport(Glibc)
    public import Glibc
#endif

/// A file that appears under its name only when it is complete: written aside, flushed to disk, renamed.
///
/// Destroying it without `commit()` removes what was written. A full or read-only disk is waited for where the program says
/// so (`DiskFullPolicy`).
public final class AtomicFile {
    public let path: String
    private let temporary: String
    private var descriptor: Int32
    private let isPatient: Bool

    /// - Parameter isPatient: whether a disk without room is waited for.
    /// - Throws: `TensorFileError` where the folder cannot be written to.
    public init(path: String, mode: mode_t = 0o644, isPatient: Bool = true) throws(TensorFileError) {
        self.path = path
        self.isPatient = isPatient
        temporary = "\(path).part-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
        var pause = DiskPause(path)
        repeat {
            descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        } while descriptor < 0 && isPatient && pause.again(after: errno)
        guard descriptor >= 0 else { throw TensorFileError(file: path, fault: "cannot create: \(systemError())") }
        pause.over()
    }

    deinit {
        guard descriptor >= 0 else { return }
        close(descriptor)
        unlink(temporary)
    }

    /// Appends bytes to the file under its temporary name.
    /// - Throws: `TensorFileError` where they cannot be written.
    public func write(_ bytes: UnsafeRawBufferPointer) throws(TensorFileError) {
        var rest = bytes
        var pause = DiskPause(path)
        while rest.count > 0 {
            let written = Glibc.write(descriptor, rest.baseAddress!, rest.count)
            if written < 0, errno == EINTR || isPatient && pause.again(after: errno) { continue }
            guard written > 0 else { throw TensorFileError(file: path, fault: "cannot write: \(systemError())") }
            rest = UnsafeRawBufferPointer(rebasing: rest[written...])
            pause.over()
        }
    }

    /// Appends bytes to the file under its temporary name.
    /// - Throws: `TensorFileError` where they cannot be written.
    public func write(_ bytes: [UInt8]) throws(TensorFileError) {
        let result: Result<Void, TensorFileError> = bytes.withUnsafeBytes { buffer in
            do throws(TensorFileError) { return .success(try write(buffer)) } catch { return .failure(error) }
        }
        try result.get()
    }

    /// Flushes the file, gives it its name and flushes the folder.
    /// - Throws: `TensorFileError` where the file cannot be flushed or renamed.
    public func commit() throws(TensorFileError) {
        // After a flush that failed nobody knows what is on disk: that is not tried again.
        guard fsync(descriptor) == 0 else {
            throw TensorFileError(file: path, fault: "cannot finish: \(systemError())")
        }
        var pause = DiskPause(path)
        while rename(temporary, path) != 0 {
            guard isPatient, pause.again(after: errno) else {
                throw TensorFileError(file: path, fault: "cannot finish: \(systemError())")
            }
        }
        pause.over()
        close(descriptor)
        descriptor = -1
        Self.flushFolder(of: path)
    }

    /// Makes a file that something else wrote, or linked, durable with its name.
    /// - Throws: `TensorFileError` where it cannot be opened or flushed.
    package static func flush(_ path: String) throws(TensorFileError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw TensorFileError(file: path, fault: "cannot open: \(systemError())") }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw TensorFileError(file: path, fault: "cannot flush: \(systemError())") }
        flushFolder(of: path)
    }

    /// Makes names in the file's folder durable, as far as the file system can.
    package static func flushFolder(of path: String) {
        let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }
}
