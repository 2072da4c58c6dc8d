#if canImport(Glibc)
    import Glibc
#endif

/// Files and folders by their paths: looked for, read whole, written, listed, removed.
///
/// Large files are read through `FileMapping`, and written piece by piece through `AtomicFile`.
package enum Files {
    /// Whether something is there; of a link, where it leads.
    package static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    package static func isExecutable(_ path: String) -> Bool { access(path, X_OK) == 0 }

    package static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// A file's size in bytes; `nil` where nothing is there.
    package static func byteCount(_ path: String) -> Int? {
        var status = stat()
        return stat(path, &status) == 0 ? Int(status.st_size) : nil
    }

    /// A file's whole content, also of one that the kernel makes as it is read.
    /// - Throws: `TensorFileError` where it cannot be read.
    package static func bytes(_ path: String) throws(TensorFileError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw TensorFileError(file: path, fault: "cannot open: \(systemError())") }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(descriptor, &piece, piece.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw TensorFileError(file: path, fault: "cannot read: \(systemError())") }
            guard count > 0 else { return bytes }
            bytes += piece[..<count]
        }
    }

    /// A file's whole content as text, bytes that are no UTF-8 replaced; `nil` where it cannot be read.
    package static func text(_ path: String) -> String? {
        guard let bytes = try? bytes(path) else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Writes a file that appears under its name only when it is complete and on disk.
    /// - Throws: `TensorFileError` where it cannot be written.
    package static func write(_ bytes: [UInt8], to path: String) throws(TensorFileError) {
        let file = try AtomicFile(path: path)
        try file.write(bytes)
        try file.commit()
    }

    /// Names of what a folder holds, sorted; none where it is no folder.
    package static func names(in path: String) -> [String] {
        guard let folder = opendir(path) else { return [] }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// Makes a folder and those above it; does nothing where it is there.
    /// - Throws: `InputError` where that fails.
    package static func makeFolder(_ path: String) throws(InputError) {
        if isFolder(path) { return }
        let parent = Paths.folder(of: path)
        if parent != path, parent != "." { try makeFolder(parent) }
        guard mkdir(path, 0o755) != 0 else { return }
        let fault = errno
        // Another process may have been faster.
        guard fault == EEXIST, isFolder(path) else {
            let reason = fault == EEXIST ? "something else has its name" : String(cString: strerror(fault))
            throw InputError(path, "cannot make this folder: \(reason)")
        }
        AtomicFile.flushFolder(of: path)
    }

    /// Removes a file or a link where it is there and may be removed. A folder stays.
    package static func removeFile(_ path: String) { unlink(path) }

    /// Removes a file, a link, or a folder with all it holds; does nothing where nothing is there.
    /// - Throws: `TensorFileError` where something of it cannot be removed.
    package static func remove(_ path: String) throws(TensorFileError) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        let isFolder = status.st_mode & S_IFMT == S_IFDIR
        if isFolder { for name in names(in: path) { try remove("\(path)/\(name)") } }
        guard (isFolder ? rmdir(path) : unlink(path)) == 0 else {
            throw TensorFileError(file: path, fault: "cannot be removed: \(systemError())")
        }
    }
}
