import Foundation
import Tensors

/// Files that only their owner may read.
enum SecretFile {
    /// Key files and allow lists are small; anything larger is something else.
    static let limit = 4 << 20

    /// - Parameter isSecret: refuse a file that others can read; else one that others can write.
    /// - Throws: `KeyError`.
    static func read(_ path: String, isSecret: Bool) throws(KeyError) -> Data {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw KeyError(path, "cannot be read: \(String(cString: strerror(errno)))") }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        guard let status = try? FileStatus(descriptor: descriptor), status.kind == .file else {
            throw KeyError(path, "is not a file")
        }
        if isSecret, status.isOpenToOthers {
            throw KeyError(path, "others than its owner can read this secret key; run: chmod 600 \(quoted(path))")
        }
        if !isSecret, status.isWritableByOthers {
            throw KeyError(path, "others than its owner can change it; run: chmod go-w \(quoted(path))")
        }
        guard status.byteCount <= limit, let data = try? handle.readToEnd() ?? Data(), data.count <= limit else {
            throw KeyError(path, "is too large for what it should be")
        }
        return data
    }

    /// Never replaces a file.
    /// - Throws: `KeyError`.
    static func create(_ path: String, _ data: Data) throws(KeyError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw KeyError(
                path, errno == EEXIST ? "exists already; keys are never overwritten" : reason("cannot create"))
        }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        do {
            guard fchmod(descriptor, 0o600) == 0 else { throw KeyError(path, reason("cannot protect")) }
            try handle.write(contentsOf: data)
            try handle.synchronize()
        } catch {
            Files.removeFile(path)
            throw error as? KeyError ?? KeyError(path, "cannot be written: \(error.localizedDescription)")
        }
    }

    private static func reason(_ what: String) -> String { "\(what): \(String(cString: strerror(errno)))" }

    /// For a shell.
    private static func quoted(_ path: String) -> String {
        path.allSatisfy { $0.isLetter || $0.isNumber || "/._-".contains($0) }
            ? path : "'\(path.replacingOccurrences(of: "'", with: "'\\''"))'"
    }
}
