import FleetIO
import FleetSupport
import Foundation
import Protocol
import Scheduling
import Tensors
import TestSupport
import Testing
import WorkerIO

/// Real workers whose links lose, double, delay or reorder one message of each kind in turn: the same results.
@Suite(.timeLimit(.minutes(5)))
struct LinkFaultTests {
    private static let small = [
        "ToCoordinator.hello", "ToCoordinator.assigned", "ToCoordinator.edited", "ToCoordinator.offer",
        "ToCoordinator.beat", "ToWorker.welcome", "ToWorker.assign", "ToWorker.edit", "ToWorker.task",
        "ToWorker.committed", "ToWorker.ping", "DataHeader.hello", "DataHeader.credit", "DataHeader.packet",
    ]
    /// Only large results and edits bring these.
    private static let large = [
        "ToWorker.bulk", "BulkHeader.hello", "BulkHeader.get", "BulkHeader.chunk",
    ]

    private struct Case: Sendable {
        var kind: String
        var fault: LinkFaults.Fault
        /// Which of the two workers, and the how manieth message of the kind.
        var worker: Int
        var number: Int
        var isLarge: Bool
    }

    /// Strikes once.
    private final class Strike: @unchecked Sendable {
        private let lock = NSLock()
        private var left: Int
        private(set) var struck = false
        init(_ number: Int) { left = number }

        func now() -> Bool {
            lock.withLock {
                left -= 1
                if left == 0 { struck = true }
                return left == 0
            }
        }
    }

    /// Everything that a run gave, the edit's mark included.
    private static func outcome(large: Bool, faults: [Int: LinkFaults] = [:]) throws -> [String: [Float]] {
        let test = try TestFleet(workers: 2, pipelines: 1, lease: 8, idle: 1, comeback: 30, faults: faults) { _, _ in
            FakeEngine(resultFloats: large ? 70_000 : 8)
        }
        defer { _ = test.close() }
        try test.fleet.use(model: Fake.model())
        let entries = (0..<6).map {
            TensorBundle.Entry(
                name: "model.layers.\($0).mask", type: .u8, shape: [large ? 400_000 : 8],
                buffer: AlignedBuffer(byteCount: large ? 400_000 : 8))
        }
        try test.fleet.apply(edit: TensorBundle(entries: entries), name: "mask")
        var all: [String: [Float]] = [:]
        var next = 0
        try test.fleet.run(Fake.tasks(large ? 3 : 6), label: "test") { index, results in
            guard index == next else { throw FleetError("task \(index) committed, \(next) expected") }
            next += 1
            for result in results {
                for entry in try result.load().entries {
                    let values = Array(entry.buffer.floats.prefix(8))
                    // Each stage tells its share of the edit: their sum does not depend on who has which layers.
                    let isEdit = entry.name.hasPrefix("edit")
                    if isEdit { all["\(index)/edit", default: [0]][0] += values[0] }
                    if !isEdit { all["\(index)/\(entry.name)"] = values }
                }
            }
        }
        return all
    }

    /// - Returns: what went wrong.
    private static func attempt(_ item: Case, golden: [String: [Float]]) -> String? {
        let strike = Strike(item.number)
        do {
            let faults = LinkFaults { kind in kind == item.kind && strike.now() ? item.fault : nil }
            let outcome = try outcome(large: item.isLarge, faults: [item.worker: faults])
            // A run may be over before there is a second ping.
            guard strike.struck || item.kind == "ToWorker.ping" else { return "\(item): no such message" }
            return outcome == golden ? nil : "\(item): other results"
        } catch { return "\(item): \(error)" }
    }

    private static func cases() -> [Case] {
        var chance = Chance(seed: Chance.firstSeed)
        var all: [Case] = []
        for kind in small + large {
            for fault in LinkFaults.Fault.allCases {
                let isOnce = [
                    "hello", "welcome", "assign", "edit", "assigned", "edited", "beat", "ping", "bulk", "get",
                ].contains { kind.hasSuffix("." + $0) }
                all.append(
                    Case(
                        kind: kind, fault: fault, worker: chance.below(2), number: isOnce ? 1 : 1 + chance.below(3),
                        isLarge: large.contains(kind)))
            }
        }
        return all
    }

    @Test func eachKindOfMessageInEachWay() throws {
        print("seed \(Chance.firstSeed)")
        let golden = [false: try Self.outcome(large: false), true: try Self.outcome(large: true)]
        #expect(golden[false]!.count == 6 * 6 + 6 && golden[false]!["0/edit"] == [21])
        let queue = Queue(Self.cases())
        let group = DispatchGroup()
        for _ in 0..<8 {
            group.enter()
            Thread.detachNewThread {
                while let item = queue.next() {
                    queue.note(Self.attempt(item, golden: golden[item.isLarge]!))
                }
                group.leave()
            }
        }
        #expect(group.wait(timeout: .now() + 280) == .success)
        #expect(queue.faults == [])
    }

    private final class Queue: @unchecked Sendable {
        private let lock = NSLock()
        private var waiting: [Case]
        private var found: [String] = []
        init(_ cases: [Case]) { waiting = cases.reversed() }
        func next() -> Case? { lock.withLock { waiting.popLast() } }
        func note(_ fault: String?) { if let fault { lock.withLock { found.append(fault) } } }
        var faults: [String] { lock.withLock { found } }
    }
}
