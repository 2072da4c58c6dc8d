/// Where a run's files lie.
package struct RunFolder: Sendable {
    package let path: String

    /// Makes the folder and its parts.
    /// - Throws: `InputError` where that fails.
    package init(_ path: String) throws(InputError) {
        self.path = path
        for part in ["", "/data", "/scores", "/masks", "/answers", "/questions"] { try Paths.makeFolder(path + part) }
    }

    package func data(_ name: String) -> String { "\(path)/data/\(name).jsonl" }
    package func scores(_ name: String) -> String { "\(path)/scores/\(name).safetensors" }
    package func mask(_ condition: String) -> String { "\(path)/masks/\(condition).safetensors" }
    package func answers(_ condition: String) -> String { "\(path)/answers/\(condition).jsonl" }
    package func questions(_ condition: String) -> String { "\(path)/questions/\(condition).jsonl" }
    package func model(_ condition: String) -> String { "\(path)/models/\(condition)" }
    package var probe: String { "\(path)/probe.json" }
    package var report: String { "\(path)/report.md" }
    package var resultsJSON: String { "\(path)/results.json" }
    package var resultsCSV: String { "\(path)/results.csv" }
}
