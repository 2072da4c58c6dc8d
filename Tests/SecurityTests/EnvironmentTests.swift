import Foundation
import TestSupport
import Testing

/// The two programs where their surroundings give them little: one line and an exit code, never a signal.
@Suite(.serialized, .timeLimit(.minutes(5))) struct EnvironmentTests {
    private static let faultline = ChildProcess.product("faultline")
    private static let worker = ChildProcess.product("faultline-worker")
    private let scratch: TemporaryFolder
    private let model: String
    private let pairs: String

    init() throws {
        scratch = TemporaryFolder()
        (model, pairs) = try TinyModel.make(in: scratch, pairs: 3)
    }

    private var score: [String] {
        [
            Self.faultline, "score", "--model", model, "--method", "snip", "--data", pairs, "--template", "none",
            "--threads", "1", "--out", scratch.file("out.safetensors"),
        ]
    }

    /// - Parameter before: what a shell does first, in the same process.
    private func run(
        _ words: [String], after before: String, environment: [String: String] = [:]
    ) throws -> (code: Int32?, text: String) {
        let child = try ChildProcess(
            "/bin/sh", ["-c", "cd '\(scratch.path)' && \(before) exec \"$@\"", "sh"] + words, environment: environment)
        let code = child.waitForEnd(seconds: 60)
        return (code, child.complaints.joined(separator: "\n"))
    }

    private func expectOneLine(_ end: (code: Int32?, text: String), _ words: String, _ codes: Set<Int32> = [2]) {
        #expect(end.code.map { codes.contains($0) } == true, "\(String(describing: end.code)): \(end.text)")
        let lines = end.text.split(separator: "\n")
        #expect(lines.count == 1 && end.text.contains(words), "\(end.text)")
    }

    // MARK: Limits

    @Test(arguments: [12, 16, 20, 30, 40, 50, 60, 64, 80, 128]) func fewOpenFiles(limit: Int) throws {
        let end = try run(score, after: "ulimit -n \(limit);")
        if end.code == 0 { return #expect(limit >= 60) }
        expectOneLine(end, "more files and sockets can be opened")
        #expect(end.text.contains("ulimit -n"))
    }

    @Test(arguments: [12, 16, 20, 30, 40, 64]) func fewOpenFilesForAWorker(limit: Int) throws {
        let end = try run(
            [Self.worker, "--connect", "tcp://127.0.0.1:1", "--threads", "1", "--wait", "1"],
            after: "ulimit -n \(limit);")
        if end.code == 4 { return #expect(limit >= 40) }
        expectOneLine(end, "more files and sockets can be opened")
    }

    @Test func littleAddressSpace() throws {
        for limit in [130_000, 200_000, 400_000] {
            expectOneLine(try run(score, after: "ulimit -v \(limit);"), "ulimit -v")
        }
        let worker = [Self.worker, "--connect", "tcp://127.0.0.1:1", "--threads", "64", "--wait", "1"]
        expectOneLine(try run(worker, after: "ulimit -v 700000;"), "ulimit -v")
    }

    // MARK: Streams

    /// A log line must not get into a file that was given the stream's number.
    @Test(arguments: ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"]) func closedStreams(closed: String) throws {
        let folder = scratch.file("run")
        let end = try run(
            [Self.faultline, "measure", "--tasks", "3", "--journal", "--run-dir", folder, "--workers", "1"],
            after: "exec \(closed);")
        #expect(end.code == 0, "\(end.text)")
        let story = try run([Self.faultline, "explain", folder], after: "")
        #expect(story.code == 0 && story.text.contains("committed"), "\(story.text)")
    }

    // MARK: Folders

    /// Where nobody can write, not even root.
    @Test func aWorkingFolderThatCannotBeWrittenTo() throws {
        expectOneLine(try run(score, after: "cd /sys;"), "working folder")
        // Nothing is written there where the run has a folder of its own.
        let folder = scratch.file("elsewhere")
        let measure = [Self.faultline, "measure", "--workers", "1", "--run-dir"]
        #expect(try run(measure + [folder], after: "cd /sys;").code == 0)
        expectOneLine(try run(measure + ["/sys/run"], after: ""), "/sys/run")
        expectOneLine(try run(measure + ["/sys", "--journal"], after: ""), "choose another --run-dir")
    }

    @Test func withoutAHome() throws {
        #expect(try run(score, after: "unset HOME;").code == 0)
        #expect(try run(score, after: "unset TMPDIR HOME USER LANG; TMPDIR=/nowhere; export TMPDIR;").code == 0)
    }
}
