package import ArgumentParser
import Console
import FleetIO
import Scheduling
import Tensors

package struct DrainCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "drain", abstract: "Has a worker leave a run when it has finished what it runs.",
        discussion: """
            The worker takes nothing new; its layers go to others, and it loses nothing. The last worker of a run, and one \
            that holds fine-tuned weights, stay as long as they are needed. `faultline status` tells how far it is.
            """)

    @Argument(help: "The worker's name, as status has it.")
    package var worker: String

    @Option(help: ArgumentHelp("The run directory.", valueName: "dir"), completion: .directory)
    package var runDir: String

    package init() {}

    package func run() throws {
        // The status is written every second: who has just joined may be missing.
        let deadline = MonotonicClock.now + 3
        while true {
            guard let status = RunStatus.read(from: runDir), !status.isStale else {
                throw InputError(runDir, "no coordinator is running there")
            }
            let names = status.progress.workers.map(\.name).sorted()
            if names.contains(worker) { break }
            guard MonotonicClock.now < deadline else {
                let others = names.isEmpty ? "nobody has joined" : "there are \(names.joined(separator: ", "))"
                throw InputError(runDir, "no worker is called \(worker); \(others)")
            }
            MonotonicClock.sleep(seconds: 0.1)
        }
        try DrainRequests.add(worker, to: runDir)
        Terminal.say("\(worker) is asked to leave; see faultline status \(runDir)")
    }
}
