/// Where a run's files lie.
package struct RunFolder: Sendable {
    package let path: String

    /// Makes the folder and its parts.
    /// - Throws: `InputError` where that fails.
    package init(_ path: String) throws(InputError) {
        self.path = path
        for part in ["", "/data", "/scores", "/masks", "/subspaces", "/edits", "/answers", "/questions"] {
            try Paths.makeFolder(path + part)
        }
    }

    package func data(_ name: String) -> String { "\(path)/data/\(name).jsonl" }
    package func scores(_ name: String) -> String { "\(path)/scores/\(name).safetensors" }
    package func mask(_ condition: String) -> String { "\(path)/masks/\(condition).safetensors" }
    /// Second moments, which subspaces are made of.
    package func moments(_ name: String) -> String { "\(path)/subspaces/\(name).moments" }
    package func subspaces(_ name: String) -> String { "\(path)/subspaces/\(name).safetensors" }
    /// Factors of a condition's change of few ranks.
    package func edit(_ condition: String) -> String { "\(path)/edits/\(condition).safetensors" }
    /// The same as a PEFT adapter.
    package func adapter(_ condition: String) -> String { "\(path)/adapters/\(condition)" }
    /// What the blocks of a sequential condition came to, until it is finished.
    package func blocks(_ condition: String) -> String { "\(path)/blocks/\(condition)" }
    package func answers(_ condition: String) -> String { "\(path)/answers/\(condition).jsonl" }
    package func questions(_ condition: String) -> String { "\(path)/questions/\(condition).jsonl" }
    package func model(_ condition: String) -> String { "\(path)/models/\(condition)" }
    package var probe: String { "\(path)/probe.json" }
    package var report: String { "\(path)/report.md" }
    package var resultsJSON: String { "\(path)/results.json" }
    package var gridCSV: String { "\(path)/finetune-grid.csv" }
    package var resultsCSV: String { "\(path)/results.csv" }
}
