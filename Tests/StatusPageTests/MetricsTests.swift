import FleetIO
import Foundation
import StatusPage
import Testing

@Suite struct MetricsTests {
    struct Malformed: Error { var line: String }

    /// Reads Prometheus' text format 0.0.4 strictly.
    /// - Returns: the sum of the samples of each metric.
    static func check(_ text: String) throws -> [String: Double] {
        var sums: [String: Double] = [:]
        var types: [String: String] = [:]
        var helped: Set<String> = []
        var seen: Set<String> = []
        var current = ""
        guard text.hasSuffix("\n") else { throw Malformed(line: "no line feed at the end") }
        for line in text.dropLast().split(separator: "\n", omittingEmptySubsequences: false).map(String.init) {
            let words = line.split(separator: " ", maxSplits: 3).map(String.init)
            if line.hasPrefix("# HELP ") {
                guard words.count == 4, helped.insert(words[2]).inserted else { throw Malformed(line: line) }
                current = words[2]
                continue
            }
            if line.hasPrefix("# TYPE ") {
                guard words.count == 4, words[2] == current, types[current] == nil,
                    ["counter", "gauge"].contains(words[3]),
                    (words[3] == "counter") == current.hasSuffix("_total")
                else { throw Malformed(line: line) }
                types[current] = words[3]
                sums[current] = 0
                continue
            }
            guard let match = line.wholeMatch(of: sample), String(match.1) == current, types[current] != nil,
                let value = Double(match.3), seen.insert("\(match.1)\(match.2 ?? "")").inserted
            else { throw Malformed(line: line) }
            sums[current]! += value
        }
        return sums
    }

    nonisolated(unsafe) private static let sample =
        #/([a-z_][a-z0-9_]*)(\{(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)*\})? (NaN|[-+]?(?:Inf|[0-9.]+(?:e[-+]?[0-9]+)?))/#

    /// A status as it comes, with a few words that need care.
    static func status(workers: Int = 3) throws -> RunStatus {
        let names = ["quo\"te", "back\\slash", "line\nfeed"]
        var list: [[String: Any]] = []
        for index in 0..<workers {
            var worker: [String: Any] = [
                "state": "layers 0-3 of pipeline 1", "steps": 12, "running": ["scoring 1", "scoring 2"],
                "silent": 0.25, "busy": 1.5, "batches": 7, "rate": 1e-9, "threads": 4, "memoryBytes": 1 << 34,
            ]
            worker["name"] = index < 3 ? names[index] : "worker-\(index)"
            worker["host"] = "host-\(index / 8)"
            worker["pid"] = 100 + index
            worker["activity"] = index == 1 ? "waiting" : "computing"
            worker["waits"] = index == 1 ? "waits for batches" : ""
            worker["pipeline"] = 1 + index / 8
            worker["stage"] = 1 + index % 8
            list.append(worker)
        }
        var pipelines: [[String: Any]] = []
        for first in stride(from: 0, to: workers, by: 8) {
            var stages: [[String: Any]] = []
            for index in first..<min(first + 8, workers) {
                let task: [String: Any] = ["name": "scoring 1", "done": 3, "batches": 12]
                var stage: [String: Any] = ["worker": list[index]["name"]!, "tasks": [task]]
                stage["firstLayer"] = 4 * (index % 8)
                stage["lastLayer"] = 4 * (index % 8) + 3
                stages.append(stage)
            }
            pipelines.append(["number": 1 + first / 8, "isReady": true, "stages": stages])
        }
        let counts: [String: Any] = [
            "joined": workers, "lost": ["killed": 1, "silent": 2], "attempts": 9, "committed": 4,
            "retries": ["killed": 2], "batches": 77, "receivedBytes": 123_456_789_012,
        ]
        let progress: [String: Any] = [
            "label": "scoring", "tasksDone": 4, "tasks": 12, "costDone": 40.5, "cost": 120, "seconds": 4,
            "workers": list,
            "phase": "working", "tasksRunning": 2, "tasksWaiting": 6, "pipelines": pipelines, "waits": ["6 tasks wait"],
            "counts": counts,
            "idle": 0.5, "remarks": [String](),
        ]
        let status: [String: Any] = [
            "version": "0.1.0", "process": 7, "host": "here", "run": "runs/a \"b\"", "time": 1_800_000_000.5,
            "endpoint": "ipc://x", "epoch": 2, "progress": progress, "events": [Any](), "rate": 10.125,
            "secondsLeft": 7.8,
        ]
        return try JSONDecoder().decode(RunStatus.self, from: JSONSerialization.data(withJSONObject: status))
    }

    @Test func theFormatIsKept() throws {
        let text = Metrics.text(of: try Self.status())
        let sums = try Self.check(text)
        #expect(sums["faultline_workers"] == 3 && sums["faultline_tasks"] == 12)
        #expect(sums["faultline_workers_lost_total"] == 3 && sums["faultline_task_retries_total"] == 2)
        #expect(sums["faultline_last_progress_timestamp_seconds"] == 1_800_000_000)
        #expect(text.contains(#"faultline_worker_silent_seconds{worker="quo\"te",host="host-0"} 0.25"#))
        #expect(text.contains(#"worker="back\\slash""#) && text.contains(#"worker="line\nfeed""#))
        #expect(text.contains("faultline_received_bytes_total 123456789012\n"))
        #expect(text.contains("faultline_tasks{state=\"waiting\"} 6\n"))
        #expect(text.contains(#"run="runs/a \"b\"""#))
    }

    @Test func theCheckerChecks() {
        for bad in [
            "x 1\n", "# HELP x y\n# TYPE x gauge\nx{a=\"\"\"} 1\n", "# HELP x y\n# TYPE x counter\nx 1\n",
            "# HELP x y\n# TYPE x gauge\nx 1\nx 2\n", "# HELP x y\n# TYPE x gauge\nx 1",
        ] { #expect(throws: Malformed.self, "\(bad)") { try Self.check(bad) } }
    }

    @Test func manyWorkersAreReadAsTheyWereWritten() throws {
        let status = try Self.status(workers: 256)
        #expect(try JSONDecoder().decode(RunStatus.self, from: status.json()) == status)
        #expect(try Self.check(Metrics.text(of: status))["faultline_workers"] == 256)
    }
}
