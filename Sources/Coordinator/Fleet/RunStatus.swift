import Foundation

/// What a run does right now, in `status.json` of its directory, written once a second while it lasts.
package struct RunStatus: Codable, Sendable, Equatable {
    package var process: Int32
    package var host = ProcessInfo.processInfo.hostName
    /// Seconds since 1970.
    package var time: Double = Date().timeIntervalSince1970
    package var endpoint: String
    /// How many times the run was started.
    package var epoch: UInt64
    package var progress: FleetProgress

    package init(process: Int32, endpoint: String, epoch: UInt64, progress: FleetProgress) {
        (self.process, self.endpoint, self.epoch, self.progress) = (process, endpoint, epoch, progress)
    }

    static func path(in folder: String) -> String { folder + "/status.json" }

    /// Best effort: a full disk must not end a run.
    func write(to folder: String) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        guard let json = try? encoder.encode(self) else { return }
        try? json.write(to: URL(fileURLWithPath: Self.path(in: folder)), options: .atomic)
    }

    static func remove(from folder: String) { unlink(path(in: folder)) }

    /// - Returns: `nil` where no run writes there.
    package static func read(from folder: String) -> RunStatus? {
        (try? Data(contentsOf: URL(fileURLWithPath: path(in: folder)))).flatMap {
            try? JSONDecoder().decode(RunStatus.self, from: $0)
        }
    }

    /// A coordinator that was killed leaves its last words behind.
    package var isStale: Bool { Date().timeIntervalSince1970 - time > 15 }

    /// The step under way, from the names of its tasks.
    package var step: String {
        let name = progress.workers.flatMap(\.running).first ?? ""
        return name.split(separator: " ").dropLast().joined(separator: " ")
    }
}
