public import Logging

/// The metadata of a log event that become fields of a `LogLine`; others are not written.
public enum LogField {
    /// What happened, in a word for programs.
    public static let event = "event"
    public static let worker = "worker"
    public static let task = "task"
    /// Which start of the run.
    public static let epoch = "epoch"
    /// What programs read in place of the message.
    public static let details = "details"
}

/// Makes lines of log events. Who is given them decides where they go and what people see.
public struct LineLogHandler: LogHandler {
    /// A log event, for programs and for people.
    public struct Entry: Sendable, Equatable {
        public var line: LogLine
        /// What people read; empty: nothing.
        public var text: String

        public init(line: LogLine, text: String) { (self.line, self.text) = (line, text) }

        /// The text, introduced as a warning or an error. An event is known for what it is by its sentence.
        public var introduced: String {
            guard line.event == LogLine.message else { return text }
            return switch line.level {
            case .warning: "warning: \(text)"
            case .error: "error: \(text)"
            case .debug, .info: text
            }
        }
    }

    public var logLevel = Logger.Level.debug
    public var metadata: Logger.Metadata = [:]
    private let now: @Sendable () -> Double
    private let take: @Sendable (Entry) -> Void

    /// - Parameters:
    ///   - now: seconds since 1970.
    ///   - take: is given every event, on the thread that logs.
    public init(now: @escaping @Sendable () -> Double, take: @escaping @Sendable (Entry) -> Void) {
        (self.now, self.take) = (now, take)
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        let fields = metadata.merging(event.metadata ?? [:]) { $1 }
        func field(_ name: String) -> String { fields[name].map { "\($0)" } ?? "" }
        let text = Self.withoutLineFeed("\(event.message)")
        let details = fields[LogField.details].map { Self.withoutLineFeed("\($0)") }
        let line = LogLine(
            seconds: now(), level: LogLine.Level(event.level),
            event: fields[LogField.event].map { "\($0)" } ?? LogLine.message,
            worker: field(LogField.worker), task: field(LogField.task), epoch: UInt64(field(LogField.epoch)) ?? 0,
            message: details ?? text)
        take(Entry(line: line, text: text))
    }

    private static func withoutLineFeed(_ text: String) -> String { text.last == "\n" ? String(text.dropLast()) : text }
}

extension LogLine.Level {
    init(_ level: Logger.Level) {
        switch level {
        case .trace, .debug: self = .debug
        case .info, .notice: self = .info
        case .warning: self = .warning
        case .error, .critical: self = .error
        }
    }
}

extension Logger {
    /// Nobody reads what is logged there.
    public static let silent = Logger(label: "") { _ in SwiftLogNoOpLogHandler() }
}
