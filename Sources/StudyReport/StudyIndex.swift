import Datasets
package import Experiment
import Reporting
package import StudyFile

/// What a list of studies has come to so far: a table of each, and where its report is.
package struct StudyIndex {
    private let list: StudyList
    private let command: String
    private var tables: [String: Table] = [:]

    package init(_ list: StudyList, command: String) {
        self.list = list
        self.command = command
    }

    package mutating func finished(_ results: StudyResults) { tables[results.study.name] = results.table() }

    package func markdown() -> String {
        var lines = ["# \(list.name)", "", "```", command, "```", "", "| study | conditions | |", "|---|---:|---|"]
        for study in list.studies {
            let state = tables[study.name] == nil ? "not finished" : "[report](<\(study.name)/report.md>)"
            lines.append("| \(study.name) | \(study.conditions.count) | \(state) |")
        }
        for study in list.studies {
            guard let table = tables[study.name] else { continue }
            lines += ["", "## \(study.name)", "", table.markdown()]
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// Writes the table of all runs into the folder that holds them.
    /// - Throws: `TensorFileError` where it cannot be written.
    package func write(to root: String) throws { try TextFile.write(markdown(), to: RunFolder.index(in: root)) }
}
