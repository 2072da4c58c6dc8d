#if canImport(Glibc)
    import Glibc
#endif

/// What the file system says of a file without reading it: its kind, its owner, and who may use it.
package struct FileStatus: Sendable {
    package enum Kind: Sendable {
        case file, folder, link, fifo, socket, device, other

        /// With its article.
        package var title: String {
            switch self {
            case .folder: "a folder"
            case .link: "a symbolic link"
            case .fifo: "a FIFO"
            case .socket: "a socket"
            case .device: "a device"
            case .file, .other: "a file"
            }
        }
    }

    package let kind: Kind
    /// The twelve bits that `chmod` sets, as 0o600.
    package let permissions: UInt32
    /// The number of the user it belongs to.
    package let owner: UInt32
    package let byteCount: Int

    private init(_ status: stat) {
        kind =
            switch status.st_mode & S_IFMT {
            case S_IFREG: .file
            case S_IFDIR: .folder
            case S_IFLNK: .link
            case S_IFIFO: .fifo
            case S_IFSOCK: .socket
            case S_IFCHR, S_IFBLK: .device
            default: .other
            }
        permissions = UInt32(status.st_mode & 0o7777)
        owner = UInt32(status.st_uid)
        byteCount = Int(status.st_size)
    }

    /// Of what a path leads to, links followed.
    /// - Throws: `FileFault` where nothing is there, or it may not be looked at.
    package init(path: String) throws(FileFault) {
        var status = stat()
        guard stat(path, &status) == 0 else { throw .last }
        self.init(status)
    }

    /// Of what stands under that very name, a link not followed.
    /// - Throws: `FileFault` where nothing is there, the name cannot be one, or it may not be looked at.
    package init(name: String) throws(FileFault) {
        var status = stat()
        guard lstat(name, &status) == 0 else { throw .last }
        self.init(status)
    }

    /// Of a file that is open.
    /// - Throws: `FileFault` where the descriptor is none.
    package init(descriptor: Int32) throws(FileFault) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .last }
        self.init(status)
    }

    /// Whether others than its owner, the group among them, may read, write or run it.
    package var isOpenToOthers: Bool { permissions & 0o077 != 0 }

    /// Whether others than its owner may write to it.
    package var isWritableByOthers: Bool { permissions & 0o022 != 0 }

    /// Of a folder: only a file's owner, or the folder's, may replace or remove the file, as in `/tmp`.
    package var isSticky: Bool { permissions & UInt32(S_ISVTX) != 0 }
}
