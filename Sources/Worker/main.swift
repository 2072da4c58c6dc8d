import ArgumentParser
import Foundation

do {
    exit(try WorkerCommand.parse().work())
} catch {
    let code = WorkerCommand.exitCode(for: error)
    if code == .success {
        print(WorkerCommand.fullMessage(for: error))
        exit(0)
    }
    let line = WorkerCommand.message(for: error).split(separator: "\n").first ?? "bad arguments"
    try? FileHandle.standardError.write(contentsOf: Data("faultline-worker: \(line)\n".utf8))
    // ArgumentParser's usage error is 64.
    exit(2)
}
