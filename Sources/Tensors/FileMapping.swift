#if canImport(Glibc)
    import Glibc
#endif

/// A file mapped read-only into memory for as long as this object lives.
///
/// The file must not be shortened meanwhile: the kernel answers such a read with SIGBUS.
public final class FileMapping: @unchecked Sendable {
    public let path: String
    /// What the file system said of the file when it was opened.
    public let identity: FileIdentity
    /// Valid only while this object lives: keep it with `withExtendedLifetime`.
    public let bytes: UnsafeRawBufferPointer

    /// - Throws: `TensorFileError` where the file cannot be opened or is not a regular file.
    public init(path: String) throws(TensorFileError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw TensorFileError(file: path, fault: "cannot open: \(systemError())") }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw TensorFileError(file: path, fault: "cannot stat: \(systemError())")
        }
        guard status.st_mode & S_IFMT == S_IFREG else { throw TensorFileError(file: path, fault: "not a regular file") }
        let size = Int(status.st_size)
        self.path = path
        identity = FileIdentity(status)
        guard size > 0 else {
            bytes = UnsafeRawBufferPointer(start: nil, count: 0)
            return
        }
        guard let address = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), address != MAP_FAILED else {
            throw TensorFileError(file: path, fault: "cannot map: \(systemError())")
        }
        bytes = UnsafeRawBufferPointer(start: address, count: size)
        // Git LFS leaves a pointer of a few lines where the file was not fetched.
        guard !(size < 1024 && bytes.starts(with: "version https://git-lfs".utf8)) else {
            throw TensorFileError(
                file: path, fault: "a Git LFS pointer, not the file itself: fetch it with git lfs pull")
        }
    }

    deinit {
        if let start = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: start), bytes.count) }
    }
}

/// The text of the C library's last error.
package func systemError() -> String { String(cString: strerror(errno)) }
