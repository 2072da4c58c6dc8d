import FleetIO
import Foundation
import Logging
import Reporting
import Scheduling
import TestSupport
import Testing

@Suite struct RunLogTests {
    @Test func whatHappensGoesToTheFileAndTheLastOfItToStatus() throws {
        let scratch = TemporaryFolder()
        let log = RunLog(epoch: 4, file: LogFile(path: scratch.file("log.jsonl")))
        let logger = Logger(label: "") { _ in
            LineLogHandler(now: { 0 }) { entry in
                var line = entry.line
                line.epoch = log.epoch
                log.keep(line)
            }
        }
        logger.warning("the disk is full")
        logger.report(FleetOccurrence.granted(task: "scoring 1", workers: ["w0"], pipeline: 1))
        for index in 0..<RunLog.kept {
            logger.report(FleetOccurrence.lost(worker: "w\(index)", host: "h", .silent(seconds: 30)))
        }
        log.flush()
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
                && log.recent.allSatisfy { $0.event == "lost" && $0.text == "h: silent for 30 s" })
    }
}
