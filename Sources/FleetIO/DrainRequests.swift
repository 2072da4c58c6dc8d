import Foundation
import Tensors

/// What users ask of a running coordinator through its run directory: a file for each worker that is to leave.
package enum DrainRequests {
    private static func folder(in run: String) -> String { run + "/requests" }

    /// - Throws: `InputError` or `TensorFileError` where the directory takes no files.
    package static func add(_ worker: String, to run: String) throws {
        let folder = folder(in: run)
        try Files.makeFolder(folder)
        try Files.write(Array(worker.utf8), to: "\(folder)/drain-\(UUID().uuidString)")
    }

    /// The names asked for since the last call; best effort.
    package static func take(from run: String) -> [String] {
        let folder = folder(in: run)
        var workers: [String] = []
        for name in Files.names(in: folder) where name.hasPrefix("drain-") && !name.contains(".part-") {
            let path = "\(folder)/\(name)"
            if let worker = Files.text(path) { workers.append(worker) }
            Files.removeFile(path)
        }
        return workers
    }
}
