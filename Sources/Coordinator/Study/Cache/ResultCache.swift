import Foundation
import Tensors

#if canImport(Glibc)
    import Glibc
#endif

/// Results that other studies may take over, known by what they were made of (docs/files.md, "The cache").
///
/// `entries/KEY` is a small result itself, `links/KEY` names a file in `objects/`, which is called by its digest. Every file
/// is written aside and renamed, so that two runs may write at once, and is checked against its digest when it is read: a
/// damaged one is removed, said, and made again.
package struct ResultCache: Sendable {
    package let folder: String
    private let say: @Sendable (String) -> Void

    /// - Throws: `InputError` where the folder cannot be made or written to.
    package init(_ folder: String, say: @escaping @Sendable (String) -> Void = { _ in }) throws(InputError) {
        self.folder = folder
        self.say = say
        for part in ["", "/entries", "/links", "/objects"] { try Paths.makeFolder(folder + part) }
        guard access("\(folder)/entries", W_OK) == 0 else {
            throw InputError(folder, "the cache cannot be written to; choose another with --cache, or --no-cache")
        }
    }

    private static let mark = "faultline-cache 1"

    // MARK: Small results

    /// - Returns: `nil` where there is none.
    package func bytes(_ key: String) -> [UInt8]? {
        let path = place("entries", key)
        guard Paths.exists(path) else { return nil }
        guard let all = Self.read(path), let (words, start) = Self.head(all), words.count == 1,
            Digest.sha256(Array(all[start...])) == words[0]
        else {
            drop(path)
            return nil
        }
        return Array(all[start...])
    }

    package func store(_ key: String, bytes: [UInt8]) throws {
        try write("\(Self.mark)\n\(Digest.sha256(bytes))\n", bytes, to: place("entries", key))
    }

    // MARK: Files

    /// Puts a file that was stored under this key at `path`, as a link where the file system can.
    /// - Returns: `false` where there is none.
    package func fetch(_ key: String, to path: String) -> Bool {
        let link = place("links", key)
        guard Paths.exists(link) else { return false }
        guard let all = Self.read(link), let (words, _) = Self.head(all), let digest = words.first,
            Self.isDigest(digest)
        else {
            drop(link)
            return false
        }
        let object = place("objects", digest)
        guard Paths.exists(object) else {
            unlink(link)
            return false
        }
        guard (try? Digest.sha256(file: object)) == digest else {
            drop(object)
            unlink(link)
            return false
        }
        // Where another run has just removed it, it is made here.
        return (try? Self.copy(object, to: path)) != nil
    }

    /// Keeps the file at `path`, which must not be written to again, only replaced.
    package func store(_ key: String, file path: String) throws {
        let digest = try Digest.sha256(file: path)
        let object = place("objects", digest)
        if !Paths.exists(object) {
            try Paths.makeFolder(Paths.folder(of: object))
            try Self.copy(path, to: object)
        }
        try write("\(Self.mark)\n\(digest)\n", [], to: place("links", key))
    }

    /// Whether something is stored under the key, unchecked.
    package func has(_ key: String) -> Bool {
        Paths.exists(place("entries", key)) || Paths.exists(place("links", key))
    }

    // MARK: Plumbing

    private func place(_ part: String, _ name: String) -> String { "\(folder)/\(part)/\(name.prefix(2))/\(name)" }

    private func drop(_ path: String) {
        say("the cache's \(path) is damaged: it is made again")
        unlink(path)
    }

    private func write(_ head: String, _ bytes: [UInt8], to path: String) throws {
        try Paths.makeFolder(Paths.folder(of: path))
        let file = try AtomicFile(path: path)
        try file.write(Array(head.utf8))
        try file.write(bytes)
        try file.commit()
    }

    private static func read(_ path: String) -> [UInt8]? {
        guard let mapping = try? FileMapping(path: path) else { return nil }
        return withExtendedLifetime(mapping) { Array(mapping.bytes) }
    }

    /// The words of the line after the mark, and where what follows begins.
    private static func head(_ bytes: [UInt8]) -> (words: [String], start: Int)? {
        let lines = bytes.prefix(200).split(separator: 10, maxSplits: 2, omittingEmptySubsequences: false)
        guard lines.count == 3, String(decoding: lines[0], as: UTF8.self) == mark else { return nil }
        return (String(decoding: lines[1], as: UTF8.self).split(separator: " ").map(String.init), lines[1].endIndex + 1)
    }

    private static func isDigest(_ text: String) -> Bool {
        text.utf8.count == 64 && text.allSatisfy { $0.isHexDigit }
    }

    /// Another name for the same bytes where that is possible, else a copy; appears under its name only when complete.
    private static func copy(_ source: String, to target: String) throws {
        let aside = "\(target).part-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
        if link(source, aside) == 0 {
            guard rename(aside, target) == 0 else {
                let fault = systemError()
                unlink(aside)
                throw TensorFileError(file: target, fault: "cannot finish: \(fault)")
            }
            // Where both were the same file already, rename leaves the other name.
            unlink(aside)
            return
        }
        let mapping = try FileMapping(path: source)
        let file = try AtomicFile(path: target)
        try file.write(mapping.bytes)
        try file.commit()
        withExtendedLifetime(mapping) {}
    }
}
