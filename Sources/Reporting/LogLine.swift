import Tensors

#if canImport(Glibc)
    import Glibc
#endif

/// How the programs write what happens to standard error.
public enum LogFormat: String, Sendable, CaseIterable {
    /// Lines for people.
    case text
    /// One JSON object a line (`LogLine`).
    case json

    /// From `--log-format F` or `--log-format=F` among a program's arguments, else from FAULTLINE_LOG.
    /// - Returns: `nil` for a word that is no format; text where nothing is said.
    public static func asked(arguments: [String], environment: String?) -> LogFormat? {
        var word = environment.flatMap { $0.isEmpty ? nil : $0 }
        for (index, argument) in arguments.enumerated() {
            if argument == "--log-format", index + 1 < arguments.count { word = arguments[index + 1] }
            if argument.hasPrefix("--log-format=") { word = String(argument.dropFirst("--log-format=".count)) }
        }
        return word.map { LogFormat(rawValue: $0) } ?? .text
    }
}

/// Something that happened, as one line of JSON: RFC 3339 time in UTC, level, event, who and what it concerns, words.
public struct LogLine: Sendable, Equatable {
    public enum Level: String, Sendable {
        case debug, info, warning, error
    }

    /// The event of a line for people alone.
    public static let message = "message"

    /// Seconds since 1970.
    public var seconds: Double
    public var level: Level
    /// A word programs can go by: `joined`, `lost`, `granted`, … `message` for a line for people alone.
    public var event: String
    public var worker: String
    public var task: String
    /// Which start of the run; 0: of none.
    public var epoch: UInt64
    public var message: String

    public init(
        seconds: Double, level: Level = .info, event: String = LogLine.message, worker: String = "", task: String = "",
        epoch: UInt64 = 0, message: String
    ) {
        (self.seconds, self.level, self.event) = (seconds, level, event)
        (self.worker, self.task, self.epoch, self.message) = (worker, task, epoch, message)
    }

    /// Without a line feed. Fields that say nothing are left out.
    public var json: String {
        var members: [JSON.Member] = [
            .init("time", .text(Self.time(seconds))), .init("level", .text(level.rawValue)),
            .init("event", .text(event)),
        ]
        if !worker.isEmpty { members.append(.init("worker", .text(worker))) }
        if !task.isEmpty { members.append(.init("task", .text(task))) }
        if epoch > 0 { members.append(.init("epoch", .integer(Int(clamping: epoch)))) }
        members.append(.init("message", .text(message)))
        return VisibleText.json(String(decoding: JSON.object(members).encoded(), as: UTF8.self))
    }

    /// `2027-01-31T08:05:09.250Z`
    public static func time(_ seconds: Double) -> String {
        guard seconds.isFinite, abs(seconds) < 1e11 else { return "1970-01-01T00:00:00.000Z" }
        let milliseconds = Int((seconds * 1000).rounded(.down))
        var whole = time_t(milliseconds / 1000)
        var parts = tm()
        gmtime_r(&whole, &parts)
        func digits(_ value: Int, _ count: Int) -> String {
            let text = String(value)
            return String(repeating: "0", count: max(0, count - text.count)) + text
        }
        let day =
            "\(digits(Int(parts.tm_year) + 1900, 4))-\(digits(Int(parts.tm_mon) + 1, 2))-\(digits(Int(parts.tm_mday), 2))"
        let clock = [parts.tm_hour, parts.tm_min, parts.tm_sec].map { digits(Int($0), 2) }.joined(separator: ":")
        return "\(day)T\(clock).\(digits(abs(milliseconds % 1000), 3))Z"
    }
}
