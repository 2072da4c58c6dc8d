import Tensors

#if canImport(Glibc)
    import Glibc
#endif

/// Small files of a checkpoint folder.
enum Files {
    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    static func bytes(_ path: String) throws(CheckpointError) -> [UInt8] {
        do throws(TensorFileError) {
            let mapping = try FileMapping(path: path)
            return withExtendedLifetime(mapping) { Array(mapping.bytes) }
        } catch { throw CheckpointError(.unreadable, file: path, error.fault) }
    }

    static func json(_ path: String) throws(CheckpointError) -> JSON {
        let bytes = try bytes(path)
        do throws(JSONError) { return try JSON.parse(bytes) } catch {
            throw CheckpointError(.malformed, file: path, error.description)
        }
    }

    /// The parsed file, or `nil` where there is none.
    static func jsonIfPresent(_ path: String) throws(CheckpointError) -> JSON? { exists(path) ? try json(path) : nil }

    /// Names of what is in a folder, sorted; none where there is no such folder.
    static func names(in path: String) -> [String] {
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

    /// Removes a folder of plain files.
    static func removeFolder(_ path: String) {
        for name in names(in: path) { unlink("\(path)/\(name)") }
        rmdir(path)
    }
}
