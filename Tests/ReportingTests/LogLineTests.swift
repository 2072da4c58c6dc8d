import Foundation
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

    @Test(arguments: [
        ("faultline: error: no", LogLine.Level.error, "no"), ("faultline: warning: hm", .warning, "hm"),
        ("warning: plain TCP", .warning, "plain TCP"), ("faultline-worker: gone", .info, "gone"), ("yes", .info, "yes"),
    ])
    func aLinesLevelIsReadFromItsWords(line: String, level: LogLine.Level, message: String) {
        #expect(LogLine.said(line, seconds: 0) == LogLine(seconds: 0, level: level, message: message))
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
