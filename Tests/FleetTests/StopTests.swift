import Foundation
import Journal
import TestSupport
import Testing

/// The program as a user stops it: Ctrl-C once and twice, `faultline drain`, and the same command again.
@Suite(.serialized, .timeLimit(.minutes(4)))
struct StopTests {
    private static let faultline = ChildProcess.product("faultline")
    private let scratch: TemporaryFolder
    private let model: String
    private let pairs: String

    init() throws {
        scratch = TemporaryFolder()
        (model, pairs) = try TinyModel.make(in: scratch, pairs: 4800)
        try scratch.write(Array(String(repeating: "the river danube ", count: 60).utf8), "text.txt")
    }

    private func study(samples: Int) throws -> String {
        try scratch.write(
            Array(
                """
                name: stopped
                model: \(model)
                template: none
                block_examples: 4
                batch_tokens: 64
                calibration:
                  safety: {pairs: \(pairs), samples: \(samples)}
                  utility: {pairs: \(pairs), samples: \(samples)}
                conditions:
                  - unedited
                  - set_difference: {p: 5, q: 5}
                evaluation:
                  perplexity: {file: \(scratch.file("text.txt")), max_tokens: 900, window: 60}
                """.utf8), "study.yaml")
    }

    private func start(_ run: String, workers: Int, samples: Int = 400) throws -> ChildProcess {
        let study = try study(samples: samples)
        return try ChildProcess(
            Self.faultline,
            [
                "study", "run", study, "--run-dir", scratch.file(run), "--no-cache", "--workers", "\(workers)",
                "--threads", "1",
            ])
    }

    private func events(_ run: String, _ kind: String) -> [Event] {
        ((try? Journal.events(in: scratch.file(run), task: nil)) ?? []).filter { $0.kind == kind }
    }

    /// Waits until so many results are on record.
    private func waitForRecords(_ count: Int, in run: String) -> Bool {
        eventually(within: 60) { events(run, "committed").count >= count }
    }

    private func files(_ run: String) throws -> [String: Data] {
        var files: [String: Data] = [:]
        let folder = scratch.file(run)
        for name in try FileManager.default.subpathsOfDirectory(atPath: folder)
        where ["scores/", "masks/", "answers/", "results.csv"].contains(where: { name.hasPrefix($0) }) {
            var isFolder: ObjCBool = false
            _ = FileManager.default.fileExists(atPath: "\(folder)/\(name)", isDirectory: &isFolder)
            if !isFolder.boolValue { files[name] = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(name)")) }
        }
        return files
    }

    private func golden(samples: Int = 400) throws -> [String: Data] {
        let whole = try start("golden", workers: 1, samples: samples)
        #expect(whole.waitForEnd(seconds: 120) == 0, "\(whole.output)")
        return try files("golden")
    }

    /// Once: what is under way is finished and recorded, and the words say how the run goes on. Nothing recorded is computed
    /// again, and the bytes are those of a run that nobody stopped.
    @Test(arguments: [SIGINT, SIGTERM])
    func stoppedOnceItGoesOnWhereItWas(signal: Int32) throws {
        let golden = try golden()
        let first = try start("run", workers: 2)
        #expect(waitForRecords(6, in: "run"), "\(first.output)")
        first.send(signal)
        #expect(first.waitForEnd() == 128 + signal, "\(first.output)")
        let words =
            "faultline: stopped by signal \(signal); what is finished is on record, and this goes on where it was: "
        #expect(first.output.contains(words + Self.faultline), "\(first.output)")
        #expect(
            first.output.contains(
                "study run \(scratch.file("study.yaml")) --run-dir \(scratch.file("run")) --no-cache --workers 2 --threads 1\n"
            ))
        let granted = Set(events("run", "granted").map(\.task))
        let recorded = Set(events("run", "committed").map(\.task))
        // Nobody's work was cut off: what had begun was finished, or had not begun.
        #expect(events("run", "interrupted").isEmpty && recorded.isSubset(of: granted))
        let second = try start("run", workers: 1)
        #expect(second.waitForEnd(seconds: 120) == 0, "\(second.output)")
        let again = Set(events("run", "granted").filter { $0.epoch == 2 }.map(\.task))
        #expect(again.isDisjoint(with: recorded), "computed again: \(again.intersection(recorded))")
        #expect(try files("run") == golden)
    }

    /// Twice: at once, and the run goes on all the same.
    @Test func stoppedTwiceItEndsAtOnce() throws {
        let golden = try golden()
        let first = try start("run", workers: 2)
        #expect(waitForRecords(3, in: "run"), "\(first.output)")
        first.send(SIGINT)
        #expect(first.waitFor("stopping"), "\(first.output)")
        first.send(SIGINT)
        #expect(first.waitForEnd() == 128 + SIGINT, "\(first.output)")
        let second = try start("run", workers: 2)
        #expect(second.waitForEnd(seconds: 120) == 0, "\(second.output)")
        #expect(try files("run") == golden)
    }

    /// While workers are awaited there is nothing to finish.
    @Test func stoppedBeforeAnybodyJoins() throws {
        let waiting = try ChildProcess(
            Self.faultline,
            [
                "study", "run", study(samples: 400), "--run-dir", scratch.file("run"), "--no-cache", "--listen",
                "127.0.0.1:*",
                "--workers", "2",
            ])
        #expect(waiting.waitFor("listening at"), "\(waiting.output)")
        waiting.send(SIGINT)
        #expect(waiting.waitForEnd() == 128 + SIGINT, "\(waiting.output)")
    }

    @Test func aWorkerIsDrainedByName() throws {
        // Long enough that it still runs when the command is heard.
        let golden = try golden(samples: 4000)
        let run = try start("run", workers: 2, samples: 4000)
        #expect(waitForRecords(2, in: "run"), "\(run.output)")
        func drain(_ name: String) throws -> ChildProcess {
            try ChildProcess(Self.faultline, ["drain", name, "--run-dir", scratch.file("run")])
        }
        let wrong = try drain("nobody")
        #expect(
            wrong.waitForEnd() == 2 && wrong.output.contains("no worker is called nobody; there are worker-1, worker-2")
        )
        let right = try drain("worker-2")
        #expect(right.waitForEnd() == 0, "\(right.output)")
        #expect(run.waitForEnd(seconds: 120) == 0, "\(run.output)")
        #expect(run.output.contains("left: was drained"), "\(run.output)")
        #expect(events("run", "left").map(\.worker) == ["worker-2"] && events("run", "interrupted").isEmpty)
        #expect(try files("run") == golden)
        let late = try drain("worker-1")
        #expect(late.waitForEnd() == 2 && late.output.contains("no coordinator is running there"))
    }
}
