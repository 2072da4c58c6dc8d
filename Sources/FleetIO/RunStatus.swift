package import Foundation
import Protocol
package import Scheduling
import Tensors

/// What a run does right now, in `status.json` of its directory, written once a second while it lasts.
package struct RunStatus: Codable, Sendable, Equatable {
    package var version = Release.version
    package var process: Int32
    package var host = Self.ownHost
    /// The run directory.
    package var run = ""
    /// Seconds since 1970.
    package var time: Double = Date().timeIntervalSince1970
    package var endpoint: String
    /// How many times the run was started.
    package var epoch: UInt64
    package var progress: FleetProgress
    /// What happened last, oldest first.
    package var events: [RunEvent] = []
    /// Of the step under way: cost done a second, and seconds it will still take at that rate.
    package var rate: Double?
    package var secondsLeft: Double?

    package init(process: Int32, endpoint: String, epoch: UInt64, progress: FleetProgress) {
        (self.process, self.endpoint, self.epoch, self.progress) = (process, endpoint, epoch, progress)
        if progress.tasks > 0, progress.costPerSecond > 0 {
            (rate, secondsLeft) = (progress.costPerSecond, progress.secondsLeft)
        }
    }

    /// As the kernel knows it; Foundation's asks the resolver, which may take its time.
    package static let ownHost: String = {
        var text = [CChar](repeating: 0, count: 256)
        gethostname(&text, 255)
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }()

    /// One line of JSON.
    /// - Throws: `EncodingError` where a number of it is not finite.
    package func json() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(self)
    }

    static func path(in folder: String) -> String { folder + "/status.json" }

    /// Best effort: a full disk must not end a run.
    func write(to folder: String) {
        try? json().write(to: URL(fileURLWithPath: Self.path(in: folder)), options: .atomic)
    }

    static func remove(from folder: String) { Files.removeFile(path(in: folder)) }

    /// - Returns: `nil` where no run writes there.
    package static func read(from folder: String) -> RunStatus? {
        guard let bytes = try? Files.bytes(path(in: folder)) else { return nil }
        return try? JSONDecoder().decode(RunStatus.self, from: Data(bytes))
    }

    /// A coordinator that was killed leaves its last words behind. They may be of a time to come, where the wall clock was
    /// set back since: then whether that process still runs decides, which only its own machine can tell.
    package var isStale: Bool {
        let age = Date().timeIntervalSince1970 - time
        return age > 15 || (age < -15 && host == Self.ownHost && kill(process, 0) != 0 && errno == ESRCH)
    }
}
