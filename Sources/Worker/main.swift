import ArgumentParser
import Foundation
import Logging
import Reporting
import Tensors

StandardStreams.hold()
do {
    let format = LogFormat.asked(
        arguments: CommandLine.arguments, environment: ProcessInfo.processInfo.environment["FAULTLINE_LOG"])
    guard let format else { throw ValidationError("the log's format (--log-format, FAULTLINE_LOG) is text or json") }
    WorkerLog.use(format)
    let code = try WorkerCommand.parse().work()
    // The compute thread may be in the middle of a product: at an ordinary exit OpenBLAS takes its memory away from it.
    fflush(nil)
    _exit(code)
} catch {
    let code = WorkerCommand.exitCode(for: error)
    if code == .success {
        WorkerLog.page(WorkerCommand.fullMessage(for: error))
        exit(0)
    }
    let line = WorkerCommand.message(for: error).split(separator: "\n").first ?? "bad arguments"
    WorkerLog.log.error("\(line)")
    // ArgumentParser's usage error is 64.
    exit(2)
}
