import Foundation
import Tensors

/// The two programs as they are used, moving large results of an engine that computes nothing.
struct BulkPrograms {
    private static let results = 8
    private static let resultBytes = 64 << 20
    private let folder: String

    init(folder: String) { self.folder = folder }

    private struct Report: Decodable {
        var bytes: Int
        var began: Double
        var ended: Double
    }

    /// Bytes a second from the first task to the last result on disk; `nil` where the programs are not built.
    func rate(tcp: Bool, curve: Bool) throws -> Double? {
        guard Files.isExecutable("\(folder)/faultline") else { return nil }
        let work = NSTemporaryDirectory() + "faultline-bench-\(UInt32.random(in: 0 ... .max))"
        try Files.makeFolder(work)
        defer { try? Files.remove(work) }
        var arguments = [
            "measure", "--workers", "1", "--threads", "1", "--tasks", "\(Self.results)", "--result-bytes",
            "\(Self.resultBytes)", "--run-dir", "\(work)/run",
        ]
        var worker: Process?
        if tcp {
            let join = "\(work)/join"
            arguments += ["--listen", "tcp://127.0.0.1:0", "--join-file", join]
            var joining = ["--join-file", join, "--threads", "1", "--idle-engine", "\(Self.resultBytes)"]
            if curve {
                try start("faultline", ["keygen", "--out", "\(work)/keys", "--workers", "1"]).waitUntilExit()
                arguments += ["--keys", "\(work)/keys/coordinator.key"]
                joining += ["--keys", "\(work)/keys/worker-1.key"]
            }
            worker = try start("faultline-worker", joining)
        }
        let out = Pipe()
        let coordinator = try start("faultline", arguments, out: out)
        let text = out.fileHandleForReading.readDataToEndOfFile()
        coordinator.waitUntilExit()
        worker?.waitUntilExit()
        guard coordinator.terminationStatus == 0 else { return nil }
        let report = try JSONDecoder().decode(Report.self, from: text)
        return Double(report.bytes) / (report.ended - report.began)
    }

    private func start(_ program: String, _ arguments: [String], out: Pipe? = nil) throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "\(folder)/\(program)")
        process.arguments = arguments
        process.standardOutput = out ?? FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        process.standardInput = FileHandle.nullDevice
        try process.run()
        return process
    }
}
