package import Reporting
package import StudyFile
import Tensors

/// What `faultline plan` says of time, memory and disk.
package struct StudyPrediction {
    private let rates: Rates
    private let cost: ModelCost
    /// Rates are measured, or the user's own.
    private let isTimed: Bool
    private var rows: [(study: String, step: Work.Step, seconds: Double)] = []
    private(set) package var seconds = 0.0
    private var phases: [MemoryPrediction.Phase] = []
    /// Files that stay, of all studies, and the most that is there for a while.
    private var kept: [DiskPrediction.Part] = []
    private var passing: DiskPrediction.Part?

    package init(rates: Rates, cost: ModelCost, isTimed: Bool) {
        (self.rates, self.cost, self.isTimed) = (rates, cost, isTimed)
    }

    package mutating func add(
        _ study: Study, _ work: Work, _ phases: [MemoryPrediction.Phase], _ disk: DiskPrediction
    ) {
        rows += work.steps.map { (study.name, $0, rates.seconds($0, cost)) }
        seconds += rates.seconds(work, cost)
        for phase in phases {
            guard let same = self.phases.firstIndex(where: { $0.name == phase.name }) else {
                self.phases.append(phase)
                continue
            }
            self.phases[same].bytes = max(self.phases[same].bytes, phase.bytes)
        }
        for part in disk.kept {
            if let same = kept.firstIndex(where: { $0.name == part.name }) {
                kept[same].bytes += part.bytes
            } else {
                kept.append(part)
            }
        }
        passing = [passing, disk.passing].compactMap { $0 }.max { $0.bytes < $1.bytes }
    }

    /// Bytes that a worker peaks at.
    package var memoryBytes: Int { phases.map(\.bytes).max() ?? 0 }

    /// Bytes of the files that stay in the runs' folders, and of those that are there for a while.
    package var diskBytes: (kept: Int, passing: Int) { (kept.reduce(0) { $0 + $1.bytes }, passing?.bytes ?? 0) }

    /// Steps of one kind of work, all conditions' together.
    package func table() -> Table {
        var table = Table([.init("work", .left), .init("tokens"), .init("known"), .init("time")])
        var order: [String] = []
        var sums: [String: (tokens: Int, known: Int, steps: Int, seconds: Double)] = [:]
        for row in rows {
            let name = row.step.work
            if sums[name] == nil { order.append(name) }
            var sum = sums[name] ?? (0, 0, 0, 0)
            if !row.step.isKnown { sum.tokens += row.step.tokens }
            sum.known += row.step.isKnown ? 1 : 0
            sum.steps += 1
            sum.seconds += row.seconds
            sums[name] = sum
        }
        for name in order {
            let sum = sums[name]!
            table.append([
                name, sum.tokens == 0 ? "—" : "\(sum.tokens)", sum.known == 0 ? "—" : "\(sum.known) of \(sum.steps)",
                isTimed ? Format.duration(sum.seconds) : "?",
            ])
        }
        return table
    }

    package func lines(workers: MemoryPrediction.Workers) -> [String] {
        var lines: [String] = []
        if isTimed {
            lines.append(
                "time: about \(Format.duration(seconds)) with \(workers.count) worker\(workers.count == 1 ? "" : "s") of \(workers.threads) thread\(workers.threads == 1 ? "" : "s") in \(rates.pipelines) pipeline\(rates.pipelines == 1 ? "" : "s"), answers as long as they may be; loading the model takes \(Format.duration(rates.load))"
            )
            lines.append(
                "rates of a pipeline: forward \(Self.giga(rates.forward)), scoring \(Self.giga(rates.gradients)), decoding \(Self.giga(rates.decode)) GFLOP/s; results \(Int(rates.transfer / 1e6)) MB/s"
            )
        }
        let words = phases.map { "\(Format.bytes($0.bytes)) for \($0.name)" }.joined(separator: ", ")
        lines.append("memory of a worker: \(Format.bytes(memoryBytes))\(phases.isEmpty ? "" : " (\(words))")")
        let files = kept.map { "\(Format.bytes($0.bytes)) \($0.name)" }.joined(separator: ", ")
        let more = passing.map { ", and up to \(Format.bytes($0.bytes)) more for a while (\($0.name))" } ?? ""
        lines.append(
            "disk of the coordinator: \(Format.bytes(diskBytes.kept))\(kept.isEmpty ? "" : " (\(files))")\(more)")
        return lines
    }

    private static func giga(_ rate: Double) -> String { Format.fixed(rate / 1e9, 1) }

    package func json() -> String {
        let json = JSON.object([
            .init("seconds", isTimed ? .number(seconds) : .null),
            .init("worker_memory_bytes", .integer(memoryBytes)),
            .init("disk_bytes", .integer(diskBytes.kept)),
            .init("passing_disk_bytes", .integer(diskBytes.passing)),
            .init(
                "memory", .object(phases.map { .init($0.name, .integer($0.bytes)) })),
            .init(
                "steps",
                .array(
                    rows.map { row in
                        .object([
                            .init("study", .text(row.study)), .init("step", .text(row.step.label)),
                            .init("tokens", .integer(row.step.tokens)),
                            .init("known", .bool(row.step.isKnown)),
                            .init("seconds", isTimed ? .number(row.seconds) : .null),
                        ])
                    })),
        ])
        return String(decoding: json.encoded(indent: true), as: UTF8.self) + "\n"
    }
}
