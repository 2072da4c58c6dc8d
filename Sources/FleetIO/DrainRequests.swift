import Foundation
import Tensors

/// What users ask of a running coordinator through its run directory: a file for each worker that is to leave.
package enum DrainRequests {
    private static func folder(in run: String) -> String { run + "/requests" }

    /// - Throws: `TensorFileError` where the directory takes no files.
    package static func add(_ worker: String, to run: String) throws {
        let folder = folder(in: run)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let file = try AtomicFile(path: "\(folder)/drain-\(UUID().uuidString)")
        try file.write(Array(worker.utf8))
        try file.commit()
    }

    /// The names asked for since the last call; best effort.
    package static func take(from run: String) -> [String] {
        let folder = folder(in: run)
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.sorted().filter { $0.hasPrefix("drain-") && !$0.contains(".part-") }.compactMap { name in
            let path = "\(folder)/\(name)"
            defer { unlink(path) }
            return try? String(contentsOfFile: path, encoding: .utf8)
        }
    }
}
