package import Tensors

#if canImport(Glibc)
    import Glibc
#endif

/// Which file a path leads to, whatever it is called: through links of both kinds.
package struct FileNode: Hashable {
    private let device: UInt64
    private let inode: UInt64

    /// `nil` where nothing is there.
    package init?(_ path: String) {
        guard let identity = FileIdentity(path: path) else { return nil }
        (device, inode) = (identity.device, identity.inode)
    }

    /// The kind of file that stands under that very name, a link not followed; `nil` where nothing does.
    /// - Throws: `InputError` where the name cannot be one, or may not be looked at.
    package static func kind(_ path: String) throws(InputError) -> FileStatus.Kind? {
        do throws(FileFault) { return try FileStatus(name: path).kind } catch {
            switch error.code {
            case ENOENT: return nil
            case ENAMETOOLONG: throw tooLong(path, suffix: "")
            default: throw InputError(path, "cannot be written: \(error)")
            }
        }
    }

    /// - Parameter suffix: what the name ends in while the file is written.
    /// - Throws: `InputError` where the file system has no room for such a name.
    package static func checkLength(_ path: String, suffix: String) throws(InputError) {
        do throws(FileFault) { _ = try FileStatus(name: path + suffix) } catch {
            guard error.code != ENAMETOOLONG else { throw tooLong(path, suffix: suffix) }
        }
    }

    private static func tooLong(_ path: String, suffix: String) -> InputError {
        let short = path.count <= 80 ? path : "\(path.prefix(40))…\(path.suffix(30))"
        return InputError(
            short, "the name is too long for a file: its last part may have \(255 - suffix.utf8.count) bytes")
    }

    /// A path without links and dots, its last part aside, which need not be there.
    static func resolved(_ path: String) -> String {
        guard let whole = Files.resolved(Paths.folder(of: path)) else { return path }
        return (whole == "/" ? "" : whole) + "/" + (path.split(separator: "/").last ?? "")
    }

    /// A folder's own path without links and dots; `nil` where there is none.
    package static func resolvedFolder(_ path: String) -> String? { Files.resolved(path) }
}
