package import FleetIO
import Scheduling

/// A run's status in Prometheus' text format 0.0.4.
package enum Metrics {
    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    package static func text(of status: RunStatus) -> String {
        let (progress, counts) = (status.progress, status.progress.counts)
        var page = Page()
        page.add(
            "faultline_build_info", .gauge, "Version, machine and run directory of the coordinator; always 1.",
            [([("version", status.version), ("host", status.host), ("run", status.run)], 1)])
        page.add(
            "faultline_run_epoch", .gauge, "How many times the run was started; 0 without a run directory.",
            [([], Double(status.epoch))])
        page.add(
            "faultline_workers", .gauge, "Workers of the fleet, by what they are at.",
            FleetProgress.Activity.allCases.map { activity in
                ([("state", activity.rawValue)], Double(progress.workers.count { $0.activity == activity }))
            })
        page.add(
            "faultline_workers_joined_total", .counter, "Workers that joined.", [([], Double(counts.joined))])
        page.add(
            "faultline_workers_lost_total", .counter, "Workers that were lost, by cause.", byCause(counts.lost))
        page.add(
            "faultline_pipelines", .gauge, "Pipelines, by whether their stages hold their weights.",
            [true, false].map { ready in
                (
                    [("state", ready ? "ready" : "loading")],
                    Double(progress.pipelines.count { $0.isReady == ready })
                )
            })
        page.add(
            "faultline_tasks", .gauge, "Tasks of the step under way, by state.",
            [
                ([("state", "done")], Double(progress.tasksDone)),
                ([("state", "running")], Double(progress.tasksRunning)),
                ([("state", "waiting")], Double(progress.tasksWaiting)),
            ])
        page.add(
            "faultline_task_attempts_total", .counter, "Tasks that were handed to a pipeline.",
            [([], Double(counts.attempts))])
        page.add(
            "faultline_task_retries_total", .counter, "Attempts at tasks that came to nothing, by cause.",
            byCause(counts.retries))
        page.add(
            "faultline_tasks_committed_total", .counter, "Tasks whose results are safe.",
            [([], Double(counts.committed))])
        page.add(
            "faultline_batches_total", .counter, "Batches that stages were done with, work done again included.",
            [([], Double(counts.batches))])
        page.add(
            "faultline_received_bytes_total", .counter, "Bytes of messages from workers.",
            [([], Double(counts.receivedBytes))])
        page.add(
            "faultline_step_progress_ratio", .gauge, "Share of the step under way that is done; 0 between steps.",
            [([], progress.cost > 0 ? min(1, progress.costDone / progress.cost) : 0)])
        page.add(
            "faultline_step_tokens_per_second", .gauge, "Tokens a second since the step under way began.",
            [([], status.rate ?? 0)])
        if let left = status.secondsLeft, left.isFinite {
            page.add(
                "faultline_step_remaining_seconds", .gauge, "What the step under way will still take at its rate.",
                [([], left)])
        }
        if let idle = progress.idle {
            page.add(
                "faultline_last_progress_timestamp_seconds", .gauge, "When a batch was done or a result came.",
                [([], status.time - idle)])
        }
        page.add(
            "faultline_worker_batches_per_second", .gauge, "Batches of a worker's stage over the last half minute.",
            progress.workers.map { (labels($0), $0.rate) })
        page.add(
            "faultline_worker_step_seconds", .gauge, "How long the present call of a worker's engine takes; 0: none.",
            progress.workers.map { (labels($0), $0.busy) })
        page.add(
            "faultline_worker_silent_seconds", .gauge, "Since the last word of a worker.",
            progress.workers.map { (labels($0), $0.silent) })
        return page.text
    }

    private static func labels(_ worker: FleetProgress.Worker) -> [(String, String)] {
        [("worker", worker.name), ("host", worker.host)]
    }

    private static func byCause(_ counts: [String: Int]) -> [([(String, String)], Double)] {
        counts.sorted { $0.key < $1.key }.map { ([("cause", $0.key)], Double($0.value)) }
    }

    package enum Kind: String { case counter, gauge }

    /// Metrics one after the other, each with its HELP and TYPE lines.
    struct Page {
        private(set) var text = ""

        mutating func add(
            _ name: String, _ kind: Kind, _ help: String, _ samples: [(labels: [(String, String)], value: Double)]
        ) {
            text += "# HELP \(name) \(Self.escaped(help, quotes: false))\n# TYPE \(name) \(kind.rawValue)\n"
            for (labels, value) in samples {
                let list = labels.map { "\($0.0)=\"\(Self.escaped($0.1, quotes: true))\"" }.joined(separator: ",")
                text += "\(name)\(list.isEmpty ? "" : "{\(list)}") \(Self.number(value))\n"
            }
        }

        /// Backslash and line feed, and in label values the quotation mark.
        static func escaped(_ text: String, quotes: Bool) -> String {
            var result = ""
            for scalar in text.unicodeScalars {
                switch scalar {
                case "\\": result += "\\\\"
                case "\n": result += "\\n"
                case "\"" where quotes: result += "\\\""
                default: result.unicodeScalars.append(scalar)
                }
            }
            return result
        }

        /// As Go's ParseFloat reads it.
        static func number(_ value: Double) -> String {
            if value.isNaN { return "NaN" }
            if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
            if value == value.rounded(), abs(value) < 1e15 { return String(Int(value)) }
            return "\(value)"
        }
    }
}
