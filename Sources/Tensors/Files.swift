#if canImport(Glibc)
    import Glibc
#endif

/// Files and folders by their paths: looked for, read whole, written, listed, removed.
///
/// Large files are read through `FileMapping`, and written piece by piece through `AtomicFile`.
package enum Files {
    /// Whether something is there; of a link, where it leads.
    package static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// Whether something has that name, be it a link that leads nowhere.
    package static func isTaken(_ path: String) -> Bool { (try? FileStatus(name: path)) != nil }

    package static func isExecutable(_ path: String) -> Bool { access(path, X_OK) == 0 }

    /// Whether this user may write to a file, or make files in a folder that may be searched.
    package static func isWritable(_ path: String) -> Bool { access(path, W_OK) == 0 }

    /// Does nothing where this user may make files in a folder.
    /// - Throws: `FileFault` where that is forbidden, or the disk is read-only.
    package static func checkWritable(folder: String) throws(FileFault) {
        guard access(folder, W_OK | X_OK) == 0 else { throw .last }
    }

    package static func isFolder(_ path: String) -> Bool { (try? FileStatus(path: path))?.kind == .folder }

    /// A file's size in bytes; `nil` where nothing is there.
    package static func byteCount(_ path: String) -> Int? { (try? FileStatus(path: path))?.byteCount }

    /// A path without links and dots; `nil` where nothing is there.
    package static func resolved(_ path: String) -> String? {
        guard let text = realpath(path, nil) else { return nil }
        defer { free(text) }
        return String(cString: text)
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

    /// Makes one folder; the one above it must be there.
    /// - Parameter mode: who may use it.
    /// - Throws: `FileFault` where that fails, as where something has its name.
    package static func makeOneFolder(_ path: String, mode: UInt32 = 0o755) throws(FileFault) {
        guard mkdir(path, mode_t(mode)) == 0 else { throw .last }
    }

    /// Gives a file or a folder another name, at once; a file of that name is replaced.
    /// - Throws: `FileFault` where that fails.
    package static func rename(_ path: String, to target: String) throws(FileFault) {
        guard Glibc.rename(path, target) == 0 else { throw .last }
    }

    /// Gives a file a second name, where the file system can; nothing may have that name.
    /// - Returns: whether it has it now.
    package static func link(_ path: String, as target: String) -> Bool { Glibc.link(path, target) == 0 }

    /// Removes a file or a link where it is there and may be removed. A folder stays.
    package static func removeFile(_ path: String) { unlink(path) }

    /// Removes a file, a link, or a folder with all it holds; does nothing where nothing is there.
    /// - Throws: `TensorFileError` where something of it cannot be removed.
    package static func remove(_ path: String) throws(TensorFileError) {
        guard let status = try? FileStatus(name: path) else { return }
        let isFolder = status.kind == .folder
        if isFolder { for name in names(in: path) { try remove("\(path)/\(name)") } }
        guard (isFolder ? rmdir(path) : unlink(path)) == 0 else {
            throw TensorFileError(file: path, fault: "cannot be removed: \(systemError())")
        }
    }
}
