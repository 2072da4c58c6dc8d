import Foundation
import Logging
import Reporting
import TestSupport
import Testing

@Suite struct LogLineTests {
    @Test func timesAreRFC3339() {
        #expect(LogLine.time(0) == "1970-01-01T00:00:00.000Z")
        #expect(LogLine.time(1_801_382_709.25) == "2027-01-31T08:05:09.250Z")
        #expect(LogLine.time(951_827_696.9996) == "2000-02-29T12:34:56.999Z")
        #expect(LogLine.time(.nan) == LogLine.time(0))
    }

    @Test func aLineIsOneJSONObject() throws {
        let line = LogLine(
            seconds: 0, level: .warning, event: "lost", worker: "w\"1", task: "scoring 3", epoch: 2,
            message: "line one\nline \\ two\u{1}")
        #expect(!line.json.contains("\n"))
        let object = try #require(JSONSerialization.jsonObject(with: Data(line.json.utf8)) as? [String: Any])
        #expect(object["time"] as? String == "1970-01-01T00:00:00.000Z" && object["level"] as? String == "warning")
        #expect(object["event"] as? String == "lost" && object["worker"] as? String == "w\"1")
        #expect(object["task"] as? String == "scoring 3" && object["epoch"] as? Int == 2)
        #expect(object["message"] as? String == "line one\nline \\ two\u{1}")
        #expect(
            LogLine(seconds: 0, message: "x").json
                == #"{"time":"1970-01-01T00:00:00.000Z","level":"info","event":"message","message":"x"}"#)
    }

    /// What a logger is told, without a clock.
    private func logged(_ tell: (Logger) -> Void) -> [LineLogHandler.Entry] {
        let entries = Recorder<LineLogHandler.Entry>()
        tell(Logger(label: "") { _ in LineLogHandler(now: { 7 }) { entries.add($0) } })
        return entries.all
    }

    @Test func metadataBecomeFields() {
        let entries = logged { logger in
            var logger = logger
            logger[metadataKey: LogField.epoch] = "3"
            logger.warning(
                "lost w1 on h: silent",
                metadata: [
                    LogField.event: "lost", LogField.worker: "w1", LogField.task: "scoring 1",
                    LogField.details: "h: silent",
                    "other": "no field",
                ])
            logger.info("plain")
        }
        let lost = LogLine(
            seconds: 7, level: .warning, event: "lost", worker: "w1", task: "scoring 1", epoch: 3, message: "h: silent")
        #expect(
            entries == [
                .init(line: lost, text: "lost w1 on h: silent"),
                .init(line: LogLine(seconds: 7, epoch: 3, message: "plain"), text: "plain"),
            ])
    }

    @Test func warningsAndErrorsAreIntroducedUnlessTheyAreEvents() {
        let entries = logged { logger in
            logger.debug("a")
            logger.notice("b")
            logger.warning("c")
            logger.error("d")
            logger.error("e", metadata: [LogField.event: "failed"])
        }
        #expect(entries.map(\.introduced) == ["a", "b", "warning: c", "error: d", "e"])
        #expect(entries.map(\.line.level) == [.debug, .info, .warning, .error, .error])
    }

    @Test func theFormatIsAskedForByOptionOrEnvironment() {
        func asked(_ arguments: [String], _ environment: String? = nil) -> LogFormat? {
            .asked(arguments: arguments, environment: environment)
        }
        #expect(asked([]) == .text && asked([], "") == .text && asked([], "json") == .json)
        #expect(asked(["run", "--log-format", "json"]) == .json && asked(["--log-format=text"], "json") == .text)
        #expect(asked([], "xml") == nil && asked(["--log-format", "xml"]) == nil)
    }

    @Test func aLogFileIsBounded() throws {
        let scratch = TemporaryFolder()
        let path = scratch.file("log.jsonl")
        let log = LogFile(path: path, limit: 1000)
        for index in 0..<500 { log.add("line \(index) \(String(repeating: "x", count: 20))") }
        log.flush()
        #expect(try scratch.contents() == ["log.jsonl.1"] || scratch.contents() == ["log.jsonl", "log.jsonl.1"])
        let text = try scratch.contents().sorted(by: >).map {
            try String(contentsOfFile: scratch.file($0), encoding: .utf8)
        }
        .joined()
        #expect(text.utf8.count < 2200)
        // What is left is the end, whole and in order.
        let numbers = text.split(separator: "\n").map { Int($0.split(separator: " ")[1]) }
        #expect(numbers == (500 - numbers.count..<500).map { $0 })
        LogFile(path: "/nowhere/at/all/log", limit: 10).add("lost, and nobody minds")
    }
}
