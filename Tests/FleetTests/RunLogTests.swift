import Coordinator
import Foundation
import Reporting
import TestSupport
import Testing

@Suite struct RunLogTests {
    @Test func whatHappensGoesToTheFileAndTheLastOfItToStatus() throws {
        let scratch = TemporaryFolder()
        let emitted = Lines()
        let log = RunLog(file: LogFile(path: scratch.file("log.jsonl"))) { emitted.add($0.json) }
        log.epoch = 4
        log.said("faultline: warning: the disk is full")
        log.noted("granted", task: "scoring 1", worker: "w0", "pipeline 1")
        for index in 0..<RunLog.kept { log.noted("lost", task: "", worker: "w\(index)", "silent for 30 s") }
        log.flush()
        // Notes alone: lines that are said come from there.
        #expect(emitted.all.count == RunLog.kept + 1 && !emitted.all.contains { $0.contains("disk") })
        let lines = try String(contentsOfFile: scratch.file("log.jsonl"), encoding: .utf8).split(separator: "\n")
        #expect(lines.count == RunLog.kept + 2)
        for line in lines {
            let object = try #require(JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            #expect(object["epoch"] as? Int == 4 && object["time"] is String && object["message"] is String)
        }
        #expect(lines[0].contains("\"level\":\"warning\"") && lines[1].contains("\"event\":\"granted\""))
        // The oldest and what comes by the thousand are not kept for status.
        #expect(
            log.recent.count == RunLog.kept && log.recent.first?.worker == "w0"
                && log.recent.allSatisfy { $0.event == "lost" })
    }

    private final class Lines: @unchecked Sendable {
        private let lock = NSLock()
        private var lines: [String] = []
        func add(_ line: String) { lock.withLock { lines.append(line) } }
        var all: [String] { lock.withLock { lines } }
    }
}
