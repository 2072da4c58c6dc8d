package import Tensors

#if canImport(Glibc)
    package import Glibc
#endif

/// Which file a path leads to, whatever it is called: through links of both kinds.
package struct FileNode: Hashable {
    private let device: UInt
    private let inode: UInt

    /// `nil` where nothing is there.
    package init?(_ path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        (device, inode) = (UInt(status.st_dev), UInt(status.st_ino))
    }

    /// The kind of file that stands under that very name, a link not followed; `nil` where nothing does.
    /// - Throws: `InputError` where the name cannot be one, or may not be looked at.
    package static func kind(_ path: String) throws(InputError) -> mode_t? {
        var status = stat()
        guard lstat(path, &status) != 0 else { return status.st_mode & S_IFMT }
        switch errno {
        case ENOENT: return nil
        case ENAMETOOLONG: throw tooLong(path, suffix: "")
        default: throw InputError(path, "cannot be written: \(String(cString: strerror(errno)))")
        }
    }

    /// - Parameter suffix: what the name ends in while the file is written.
    /// - Throws: `InputError` where the file system has no room for such a name.
    package static func checkLength(_ path: String, suffix: String) throws(InputError) {
        var status = stat()
        guard lstat(path + suffix, &status) != 0, errno == ENAMETOOLONG else { return }
        throw tooLong(path, suffix: suffix)
    }

    private static func tooLong(_ path: String, suffix: String) -> InputError {
        let short = path.count <= 80 ? path : "\(path.prefix(40))…\(path.suffix(30))"
        return InputError(
            short, "the name is too long for a file: its last part may have \(255 - suffix.utf8.count) bytes")
    }

    /// A path without links and dots, its last part aside, which need not be there.
    static func resolved(_ path: String) -> String {
        let folder = Paths.folder(of: path)
        guard let real = realpath(folder, nil) else { return path }
        defer { free(real) }
        let whole = String(cString: real)
        return (whole == "/" ? "" : whole) + "/" + (path.split(separator: "/").last ?? "")
    }

    /// A folder's own path without links and dots; `nil` where there is none.
    package static func resolvedFolder(_ path: String) -> String? {
        guard let real = realpath(path, nil) else { return nil }
        defer { free(real) }
        return String(cString: real)
    }
}
