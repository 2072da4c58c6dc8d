#if canImport(Glibc)
    import Glibc
#endif

/// What the file system says of a file. As long as it stays the same, nobody has written to the file: a program can set
/// the time of modification back, not the time of change.
public struct FileIdentity: Sendable, Equatable {
    public var device: UInt64
    public var inode: UInt64
    /// Bytes.
    public var size: Int
    /// Nanoseconds since 1970.
    public var modified: Int
    public var changed: Int

    init(_ status: stat) {
        (device, inode, size) = (UInt64(status.st_dev), UInt64(status.st_ino), Int(status.st_size))
        modified = Int(status.st_mtim.tv_sec) * 1_000_000_000 + Int(status.st_mtim.tv_nsec)
        changed = Int(status.st_ctim.tv_sec) * 1_000_000_000 + Int(status.st_ctim.tv_nsec)
    }

    /// Of the file that a path leads to, links followed; `nil` where there is none.
    public init?(path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        self.init(status)
    }

    /// The numbers in one line.
    var text: String { "\(device) \(inode) \(size) \(modified) \(changed)" }
}
