package import ArgumentParser
import Console
import Keys
import OutputFiles
import Tensors

package struct KeygenCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "keygen", abstract: "Makes a fleet's keys, adds workers' keys, or revokes one.")

    @Option(help: ArgumentHelp("The folder of the keys.", valueName: "dir"))
    package var out: String

    @Option(help: ArgumentHelp("Keys for this many workers: worker-1 and so on. Default: 1.", valueName: "n"))
    package var workers: Int?

    @Option(help: ArgumentHelp("Keys for workers of these names (a,b).", valueName: "names"))
    package var names: String?

    @Option(help: ArgumentHelp("Days the new keys hold. Default: for good.", valueName: "days"))
    package var days: Int?

    @Option(help: ArgumentHelp("Take this key off the list instead.", valueName: "name"))
    package var revoke: String?

    package init() {}

    package func validate() throws {
        if let workers, !(0...10_000).contains(workers) {
            throw ValidationError("--workers \(workers) is out of range: 0 to 10000")
        }
        if let days, !(1...36_500).contains(days) {
            throw ValidationError("--days \(days) is out of range: 1 to 36500")
        }
        if revoke != nil, workers != nil || names != nil || days != nil {
            throw ValidationError("--revoke goes with --out alone")
        }
    }

    package func run() throws {
        guard !out.isEmpty else { throw InputError("--out", "needs the name of a folder") }
        let out = Outputs.withoutSlashes(out)
        let folder = KeyFolder(out)
        if let revoke {
            let name = try folder.revoke(revoke)
            return Terminal.say("revoked \(name); a running coordinator refuses it within seconds")
        }
        let names = names?.split(separator: ",").map { trimmed(String($0)) } ?? []
        var made = try folder.make(workers: workers, names: names, days: days)
        let token = "\(out)/\(ViewToken.fileName)"
        if !Files.exists(token) {
            try ViewToken.make(at: token)
            made.append(token)
        }
        for path in made { Terminal.say(path) }
        Terminal.say("coordinator: --listen tcp://ADDRESS:PORT --keys \(out)/coordinator.key (allowed.json beside it)")
        Terminal.say("each worker: its own worker file alone, --keys worker-….key, kept readable by its owner only")
        Terminal.say("whoever looks on: \(ViewToken.fileName), for a status page beyond the coordinator's machine")
    }
}
