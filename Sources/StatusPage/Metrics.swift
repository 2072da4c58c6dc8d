package import FleetIO
import Scheduling

/// A run's status in Prometheus' text format 0.0.4.
package enum Metrics {
    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    package static func text(of status: RunStatus) -> String {
        var page = Page()
        page.addFleet(status)
        page.addTasks(status.progress)
        page.addStep(status)
        page.addWorkers(status.progress.workers)
        return page.text
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

/// What stands on the page, in its order.
extension Metrics.Page {
    fileprivate mutating func addFleet(_ status: RunStatus) {
        let (progress, counts) = (status.progress, status.progress.counts)
        add(
            "faultline_build_info", .gauge, "Version, machine and run directory of the coordinator; always 1.",
            [([("version", status.version), ("host", status.host), ("run", status.run)], 1)])
        add(
            "faultline_run_epoch", .gauge, "How many times the run was started; 0 without a run directory.",
            [([], Double(status.epoch))])
        add(
            "faultline_workers", .gauge, "Workers of the fleet, by what they are at.",
            FleetProgress.Activity.allCases.map { activity in
                ([("state", activity.rawValue)], Double(progress.workers.count { $0.activity == activity }))
            })
        add(
            "faultline_workers_joined_total", .counter, "Workers that joined.", [([], Double(counts.joined))])
        add(
            "faultline_workers_lost_total", .counter, "Workers that were lost, by cause.", Self.byCause(counts.lost))
        add(
            "faultline_pipelines", .gauge, "Pipelines, by whether their stages hold their weights.",
            [true, false].map { ready in
                (
                    [("state", ready ? "ready" : "loading")],
                    Double(progress.pipelines.count { $0.isReady == ready })
                )
            })
    }

    fileprivate mutating func addTasks(_ progress: FleetProgress) {
        let counts = progress.counts
        add(
            "faultline_tasks", .gauge, "Tasks of the step under way, by state.",
            [
                ([("state", "done")], Double(progress.tasksDone)),
                ([("state", "running")], Double(progress.tasksRunning)),
                ([("state", "waiting")], Double(progress.tasksWaiting)),
            ])
        add(
            "faultline_task_attempts_total", .counter, "Tasks that were handed to a pipeline.",
            [([], Double(counts.attempts))])
        add(
            "faultline_task_retries_total", .counter, "Attempts at tasks that came to nothing, by cause.",
            Self.byCause(counts.retries))
        add(
            "faultline_tasks_committed_total", .counter, "Tasks whose results are safe.",
            [([], Double(counts.committed))])
        add(
            "faultline_batches_total", .counter, "Batches that stages were done with, work done again included.",
            [([], Double(counts.batches))])
        add(
            "faultline_received_bytes_total", .counter, "Bytes of messages from workers.",
            [([], Double(counts.receivedBytes))])
    }

    fileprivate mutating func addStep(_ status: RunStatus) {
        let progress = status.progress
        add(
            "faultline_step_progress_ratio", .gauge, "Share of the step under way that is done; 0 between steps.",
            [([], progress.cost > 0 ? min(1, progress.costDone / progress.cost) : 0)])
        add(
            "faultline_step_tokens_per_second", .gauge, "Tokens a second since the step under way began.",
            [([], status.rate ?? 0)])
        if let left = status.secondsLeft, left.isFinite {
            add(
                "faultline_step_remaining_seconds", .gauge, "What the step under way will still take at its rate.",
                [([], left)])
        }
        if let idle = progress.idle {
            add(
                "faultline_last_progress_timestamp_seconds", .gauge, "When a batch was done or a result came.",
                [([], status.time - idle)])
        }
    }

    fileprivate mutating func addWorkers(_ workers: [FleetProgress.Worker]) {
        add(
            "faultline_worker_batches_per_second", .gauge, "Batches of a worker's stage over the last half minute.",
            workers.map { (Self.labels($0), $0.rate) })
        add(
            "faultline_worker_step_seconds", .gauge, "How long the present call of a worker's engine takes; 0: none.",
            workers.map { (Self.labels($0), $0.busy) })
        add(
            "faultline_worker_silent_seconds", .gauge, "Since the last word of a worker.",
            workers.map { (Self.labels($0), $0.silent) })
    }

    private static func labels(_ worker: FleetProgress.Worker) -> [(String, String)] {
        [("worker", worker.name), ("host", worker.host)]
    }

    private static func byCause(_ counts: [String: Int]) -> [([(String, String)], Double)] {
        counts.sorted { $0.key < $1.key }.map { ([("cause", $0.key)], Double($0.value)) }
    }
}
