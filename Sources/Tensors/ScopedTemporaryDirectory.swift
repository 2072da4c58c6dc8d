import Foundation

/// A temporary folder that goes with the process that made it: removed by `remove()`, or, where the process was killed, by
/// the next one that makes such a folder.
///
/// A lock on a file inside, which the kernel drops with its process, tells whether the owner lives.
public final class ScopedTemporaryDirectory: @unchecked Sendable {
    public let path: String
    private let descriptor: Int32

    /// - Parameter prefix: the folder's path up to the six characters that make it unique. Dead processes' folders of the
    ///   same prefix and user are removed first.
    /// - Throws: `TensorFileError` where it cannot be made.
    public init(prefix: String) throws(TensorFileError) {
        Self.sweep(prefix)
        var template = Array("\(prefix)XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw TensorFileError(file: "\(prefix)XXXXXX", fault: "cannot make this folder: \(systemError())")
        }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        // Locked before it has its name: without a lock it would be taken for a dead process's.
        let unnamed = "\(path)/.new"
        descriptor = open(unnamed, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0, flock(descriptor, LOCK_EX | LOCK_NB) == 0, rename(unnamed, Self.lock(path)) == 0 else {
            let fault = "cannot lock this folder: \(systemError())"
            try? Files.remove(path)
            throw TensorFileError(file: path, fault: fault)
        }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Removes the folder with all it holds.
    public func remove() { try? Files.remove(path) }

    private static func lock(_ path: String) -> String { "\(path)/.owner" }

    private static func sweep(_ prefix: String) {
        let slash = prefix.lastIndex(of: "/")
        let parent = slash.map { $0 == prefix.startIndex ? "/" : String(prefix[..<$0]) } ?? "."
        let name = slash.map { String(prefix[prefix.index(after: $0)...]) } ?? prefix
        let entries = Files.names(in: parent)
        for entry in entries where entry.hasPrefix(name) && entry.utf8.count == name.utf8.count + 6 {
            let path = "\(parent)/\(entry)"
            guard let status = try? FileStatus(name: path), status.kind == .folder, status.owner == geteuid() else {
                continue
            }
            let descriptor = open(lock(path), O_RDWR | O_CLOEXEC | O_NOFOLLOW)
            guard descriptor >= 0 else { continue }
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { try? Files.remove(path) }
            close(descriptor)
        }
    }
}
