import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// Digests of large files' pieces, remembered on this machine so that a file is read once: one small file for each of
/// them, named after its path, device and inode, in the user's cache folder.
///
/// What is remembered counts only while size, inode, device, modification and change time are the same to the nanosecond.
/// It is never the only copy of anything: a damaged, unreadable or missing memory means that the file is hashed again.
/// Several programs may write at once: each file appears whole.
public struct ContentMemory: Sendable {
    public let folder: String
    /// What is remembered is believed only where this program wrote it.
    public let isDoubted: Bool
    private let own = Own()
    /// Nanoseconds since 1970.
    let now: @Sendable () -> Int

    private static let mark = "faultline-content 1"
    /// A file that was changed less than this before it was hashed may change again without another change time: clocks of
    /// file systems tick in steps of up to two seconds.
    static let settled = 2_000_000_000

    /// - Parameter now: nanoseconds since 1970; tests bring their own.
    public init(folder: String, isDoubted: Bool = false, now: @escaping @Sendable () -> Int = Self.time) {
        (self.folder, self.isDoubted, self.now) = (folder, isDoubted, now)
    }

    /// `$XDG_CACHE_HOME/faultline/content`, or `~/.cache/faultline/content`; `nil` where neither is an absolute path.
    public static func ofUser(isDoubted: Bool = false) -> ContentMemory? {
        func folder(_ name: String, _ rest: String) -> String? {
            guard let value = getenv(name).map({ String(cString: $0) }), value.hasPrefix("/") else { return nil }
            return value + rest
        }
        let place = folder("XDG_CACHE_HOME", "/faultline/content") ?? folder("HOME", "/.cache/faultline/content")
        return place.map { ContentMemory(folder: $0, isDoubted: isDoubted) }
    }

    public static let time: @Sendable () -> Int = {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int(time.tv_sec) * 1_000_000_000 + Int(time.tv_nsec)
    }

    /// Files of the memory that this program wrote.
    private final class Own: Sendable {
        let names = Mutex<Set<String>>([])
    }

    /// The pieces' digests; `nil` where nothing, or nothing of a file like this one, is remembered.
    func recall(_ path: String, _ identity: FileIdentity) -> [String?]? {
        let place = place(path, identity)
        if isDoubted, !own.names.withLock({ $0.contains(place) }) { return nil }
        guard let mapping = try? FileMapping(path: place) else { return nil }
        let bytes = withExtendedLifetime(mapping) { Array(mapping.bytes) }
        // The last line is the digest of those before it.
        guard bytes.count > 65, bytes.last == 10 else { return nil }
        let body = Array(bytes[..<(bytes.count - 65)])
        guard Digest.sha256(body) == String(decoding: bytes[(bytes.count - 65)..<(bytes.count - 1)], as: UTF8.self)
        else { return nil }
        let lines = String(decoding: body, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
        let head = head(path, identity)
        guard lines.count > head.count, zip(head, lines).allSatisfy({ $0 == $1 }) else { return nil }
        return lines[head.count..<(lines.count - 1)].map { $0 == "-" ? nil : String($0) }
    }

    /// Remembers what is known of a file that was hashed from `began` on.
    func remember(_ path: String, _ identity: FileIdentity, _ pieces: [String?], began: Int) {
        guard began - identity.changed > Self.settled else { return }
        var all = pieces
        // Another program may know other pieces of the same file.
        if let known = recall(path, identity), known.count == all.count {
            for (index, digest) in known.enumerated() where all[index] == nil { all[index] = digest }
        }
        let body = (head(path, identity) + all.map { $0 ?? "-" }).map { $0 + "\n" }.joined()
        do {
            guard Self.makeFolder(folder) else { return }
            let file = try AtomicFile(path: place(path, identity), mode: 0o600, isPatient: false)
            try file.write(Array(body.utf8))
            try file.write(Array("\(Digest.sha256(Array(body.utf8)))\n".utf8))
            try file.commit()
            _ = own.names.withLock { $0.insert(place(path, identity)) }
        } catch {
            // Then it is hashed again next time.
        }
    }

    private func head(_ path: String, _ identity: FileIdentity) -> [String] {
        [Self.mark, Digest.sha256(Array(path.utf8)), identity.text, "\(FileContent.pieceBytes)"]
    }

    private func place(_ path: String, _ identity: FileIdentity) -> String {
        "\(folder)/\(Digest.sha256(Array("\(identity.device) \(identity.inode) \(path)".utf8)))"
    }

    private static func makeFolder(_ path: String) -> Bool {
        if access(path, W_OK | X_OK) == 0 { return true }
        if let slash = path.lastIndex(of: "/"), slash != path.startIndex { _ = makeFolder(String(path[..<slash])) }
        return mkdir(path, 0o700) == 0 || errno == EEXIST
    }
}
