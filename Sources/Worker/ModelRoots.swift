import Checkpoint
import Tensors

/// The folders a worker may read models from; none: any path.
package struct ModelRoots: Sendable {
    private let roots: [String]

    /// - Throws: `CheckpointError` for a root that is not a folder.
    package init(_ paths: [String]) throws {
        roots = try paths.map { path in
            guard let resolved = Files.resolved(path) else {
                throw CheckpointError(.unreadable, file: path, "--model-root: no such folder")
            }
            return resolved
        }
    }

    /// The path itself where it lies under a root, links followed.
    /// - Throws: `CheckpointError` where it does not.
    package func confined(_ path: String) throws -> String {
        guard !roots.isEmpty else { return path }
        // Says of a path outside no more than that: not whether it exists.
        guard let resolved = Files.resolved(path), roots.contains(where: { Self.lies(resolved, under: $0) }) else {
            throw CheckpointError(
                .unreadable, file: path, "is not under a --model-root of this worker (\(roots.joined(separator: ", ")))"
            )
        }
        return path
    }

    private static func lies(_ path: String, under root: String) -> Bool {
        path == root || path.hasPrefix(root == "/" ? root : root + "/")
    }
}
