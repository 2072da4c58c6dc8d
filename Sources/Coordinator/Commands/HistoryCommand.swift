package import ArgumentParser
import Console
import Foundation
import Journal
import Reporting
import Tensors

package struct HistoryCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "history", abstract: "Tells the story of a task: its attempts, workers and causes.",
        discussion: "From the journal of the run, also while it is under way. Without a task, the story of the run.",
        aliases: ["explain"])

    @Argument(help: "The run directory.", completion: .directory)
    package var folder: String

    @Argument(help: "The task's name, as in \"scoring 3\".")
    package var task: String?

    package init() {}

    package func run() throws {
        let events = try Journal.events(in: folder, task: task)
        guard !events.isEmpty else {
            let names = Set(try Journal.events(in: folder, task: nil).map(\.task)).subtracting([""]).sorted()
            throw InputError(
                folder,
                "no task is called \(task ?? ""); there are \(names.prefix(6).joined(separator: ", "))\(names.count > 6 ? " …" : "")"
            )
        }
        var table = Table([
            .init("time", .left), .init("start"), .init("what", .left), .init("task", .left), .init("worker", .left),
            .init("details", .left),
        ])
        let format = DateFormatter()
        format.dateFormat = "yyyy-MM-dd HH:mm:ss"
        for event in events {
            table.append([
                format.string(from: Date(timeIntervalSince1970: event.seconds)), "\(event.epoch)", event.kind,
                event.task, event.worker, event.text,
            ])
        }
        Terminal.out(table)
    }
}
