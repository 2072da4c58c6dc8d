import Foundation
package import Tensors

#if canImport(Glibc)
    import Glibc
#endif

/// Results that other studies may take over, known by what they were made of (docs/files.md, "The cache").
///
/// `entries/KEY` is a small result itself, `links/KEY` names a file in `objects/`, which is called by its digest. Both begin
/// with a line that has their own key, and the digest of everything else. Every file is written aside, flushed with its
/// folder and renamed, so that two runs may write at once, and is checked when it is read: a damaged one, or one that lies
/// under another key's name, is removed, said, and made again.
package struct ResultCache: Sendable {
    package let folder: String
    private let say: @Sendable (String) -> Void

    /// - Throws: `InputError` where the folder cannot be made or written to.
    package init(_ folder: String, say: @escaping @Sendable (String) -> Void = { _ in }) throws(InputError) {
        self.folder = folder
        self.say = say
        for part in ["", "/entries", "/links", "/objects"] { try Files.makeFolder(folder + part) }
        guard Files.isWritable("\(folder)/entries") else {
            throw InputError(folder, "the cache cannot be written to; choose another with --cache, or --no-cache")
        }
    }

    private static let mark = "faultline-cache 2"

    // MARK: Small results

    /// - Returns: `nil` where there is none.
    package func bytes(_ key: String) -> [UInt8]? {
        let path = place("entries", key)
        guard Files.exists(path) else { return nil }
        guard let bytes = Self.read(path, key: key) else {
            drop(path)
            return nil
        }
        return bytes
    }

    /// Keeps a small result under its key.
    /// - Throws: `InputError` where a folder cannot be made; `TensorFileError` where the result cannot be written.
    package func store(_ key: String, bytes: [UInt8]) throws {
        try write(key, bytes, to: place("entries", key))
    }

    // MARK: Files

    /// Puts a file that was stored under this key at `path`, as a link where the file system can.
    /// - Returns: `false` where there is none.
    package func fetch(_ key: String, to path: String) -> Bool { fetched(key, to: path) != nil }

    /// The same.
    /// - Returns: the file's SHA-256; `nil` where there is none.
    package func fetched(_ key: String, to path: String) -> String? {
        let link = place("links", key)
        guard Files.exists(link) else { return nil }
        guard let bytes = Self.read(link, key: key), case let digest = String(decoding: bytes, as: UTF8.self),
            Self.isDigest(digest)
        else {
            drop(link)
            return nil
        }
        let object = place("objects", digest)
        guard Files.exists(object) else {
            Files.removeFile(link)
            return nil
        }
        guard (try? Digest.sha256(file: object)) == digest else {
            drop(object)
            Files.removeFile(link)
            return nil
        }
        // Where another run has just removed it, it is made here.
        return (try? Self.copy(object, to: path)) == nil ? nil : digest
    }

    /// Keeps the file at `path`, which must not be written to again, only replaced.
    /// - Parameter digest: its SHA-256 where it is known.
    /// - Throws: `InputError` where a folder cannot be made; `TensorFileError` where the file cannot be read or kept.
    package func store(_ key: String, file path: String, digest: String? = nil) throws {
        let digest = try digest ?? Digest.sha256(file: path)
        let object = place("objects", digest)
        if !Files.exists(object) {
            try Files.makeFolder(Paths.folder(of: object))
            try Self.copy(path, to: object)
        }
        try write(key, Array(digest.utf8), to: place("links", key))
    }

    /// Whether something is stored under the key, unchecked.
    package func has(_ key: String) -> Bool {
        Files.exists(place("entries", key)) || Files.exists(place("links", key))
    }

    // MARK: Plumbing

    private func place(_ part: String, _ name: String) -> String { "\(folder)/\(part)/\(name.prefix(2))/\(name)" }

    private func drop(_ path: String) {
        say("the cache's \(path) is damaged: it is made again")
        Files.removeFile(path)
    }

    private func write(_ key: String, _ bytes: [UInt8], to path: String) throws {
        try Files.makeFolder(Paths.folder(of: path))
        let file = try AtomicFile(path: path)
        try file.write(Array("\(Self.mark)\n\(key) \(Self.seal(key, bytes[...]))\n".utf8))
        try file.write(bytes)
        try file.commit()
    }

    /// What follows the two lines at the beginning; `nil` where it is not what was written under this key.
    private static func read(_ path: String, key: String) -> [UInt8]? {
        guard let mapping = try? FileMapping(path: path) else { return nil }
        let bytes = withExtendedLifetime(mapping) { Array(mapping.bytes) }
        let lines = bytes.prefix(200).split(separator: 10, maxSplits: 2, omittingEmptySubsequences: false)
        guard lines.count == 3, String(decoding: lines[0], as: UTF8.self) == mark else { return nil }
        let body = bytes[(lines[1].endIndex + 1)...]
        guard String(decoding: lines[1], as: UTF8.self) == "\(key) \(seal(key, body))" else { return nil }
        return Array(body)
    }

    /// Binds bytes to the key they were stored under.
    private static func seal(_ key: String, _ bytes: ArraySlice<UInt8>) -> String {
        Digest.sha256(Array(key.utf8) + [10] + bytes)
    }

    private static func isDigest(_ text: String) -> Bool {
        text.utf8.count == 64 && text.allSatisfy { $0.isHexDigit }
    }

    /// Another name for the same bytes where that is possible, else a copy; appears under its name only when complete.
    private static func copy(_ source: String, to target: String) throws {
        let aside = "\(target).part-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
        if Files.link(source, as: aside) {
            do throws(FileFault) { try Files.rename(aside, to: target) } catch {
                Files.removeFile(aside)
                throw TensorFileError(file: target, fault: "cannot finish: \(error)")
            }
            // Where both were the same file already, rename leaves the other name.
            Files.removeFile(aside)
            return try AtomicFile.flush(target)
        }
        let mapping = try FileMapping(path: source)
        let file = try AtomicFile(path: target)
        try file.write(mapping.bytes)
        try file.commit()
        withExtendedLifetime(mapping) {}
    }
}
