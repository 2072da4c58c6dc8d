import Datasets
import Synchronization
import Tensors

/// What the files of a run's folder hold, as the run wrote them: `digests.sha256` there, a line of SHA-256 and name for each
/// file, in the form that `sha256sum -c` reads.
///
/// A file that is read again is compared with it first: after a power cut a block may read as zeros, and no header tells.
/// A file is on disk, and so is its name, before it is recorded.
package final class RunLedger: Sendable {
    package static let fileName = "digests.sha256"

    private let folder: String
    private let say: @Sendable (String) -> Void
    private let state: Mutex<State>

    private struct State {
        var digests: [String: String] = [:]
        /// Files whose content was compared, as they were then.
        var sound: [String: FileIdentity] = [:]
        /// Files that were told of, as they were then.
        var told: [String: FileIdentity] = [:]
    }

    /// - Parameter say: gets a line for every file that is not what was recorded.
    package init(folder: String, say: @escaping @Sendable (String) -> Void) {
        (self.folder, self.say) = (folder, say)
        var state = State()
        if let bytes = try? TextFile.read("\(folder)/\(Self.fileName)") {
            for line in TextFile.lines(bytes) {
                let (digest, rest) = (line.prefix(64), line.dropFirst(64))
                // A line that is damaged names no file as it is, or one that is not there: that file is made again.
                guard digest.utf8.count == 64, rest.hasPrefix("  ") else { continue }
                let name = String(rest.dropFirst(2))
                guard !name.isEmpty, Files.exists("\(folder)/\(name)") else { continue }
                state.digests[name] = String(digest)
            }
        }
        self.state = Mutex(state)
    }

    /// Records a file of the folder as it is on disk now.
    /// - Parameter digest: its SHA-256 where it is known.
    /// - Throws: `TensorFileError`.
    package func record(_ path: String, digest: String? = nil) throws {
        try AtomicFile.flush(path)
        let identity = FileIdentity(path: path)
        let digest = try digest ?? Digest.sha256(file: path)
        // Written under the lock: of two that record at once, the later text holds both.
        try state.withLock { state in
            state.digests[name(path)] = digest
            (state.sound[path], state.told[path]) = (identity, nil)
            try write(state.digests)
        }
    }

    /// Takes a file that is gone off the record.
    /// - Throws: `TensorFileError` where the record cannot be written.
    package func forget(_ path: String) throws {
        try state.withLock { state in
            guard state.digests.removeValue(forKey: name(path)) != nil else { return }
            try write(state.digests)
        }
    }

    /// The recorded SHA-256.
    package func digest(of path: String) -> String? { state.withLock { $0.digests[name(path)] } }

    /// Whether a file is there with the content that was recorded. One that is there without is said, and has to be made
    /// again.
    package func isSound(_ path: String) -> Bool {
        guard let identity = FileIdentity(path: path) else { return false }
        if state.withLock({ $0.told[path] == identity }) { return false }
        guard let recorded = digest(of: path) else { return tell(path, identity, "is not on record") }
        if state.withLock({ $0.sound[path] == identity }) { return true }
        guard (try? Digest.sha256(file: path)) == recorded else {
            return tell(path, identity, "is not what was recorded (damaged or changed)")
        }
        state.withLock { $0.sound[path] = identity }
        return true
    }

    /// Once for every file as it is.
    private func tell(_ path: String, _ identity: FileIdentity, _ fault: String) -> Bool {
        state.withLock { $0.told[path] = identity }
        say("\(path) \(fault): it is made again")
        return false
    }

    /// Whether a safetensors file is sound and says of itself what it should.
    package func holds(_ path: String, _ provenance: [String: String]) -> Bool {
        guard isSound(path), let file = try? SafetensorsFile(path: path) else { return false }
        return provenance.allSatisfy { file.metadata[$0.key] == $0.value }
    }

    private func name(_ path: String) -> String {
        path.hasPrefix(folder + "/") ? String(path.dropFirst(folder.count + 1)) : path
    }

    private func write(_ digests: [String: String]) throws {
        let lines = digests.sorted { $0.key < $1.key }.map { "\($0.value)  \($0.key)\n" }
        try TextFile.write(lines.joined(), to: "\(folder)/\(Self.fileName)")
    }
}
