package import OutputFiles
import StudyFile
package import Tensors

/// Where a run's files lie.
package struct RunFolder: Sendable {
    package let path: String
    /// What the files that are read again have to hold.
    package let ledger: RunLedger
    /// Folders that a run writes into.
    static let parts = [
        "data", "scores", "masks", "subspaces", "edits", "answers", "questions", "overlap", "statistics", "directions",
        "adapters",
        "gates", "models", "blocks", "partials", "logs",
    ]

    /// The files that a study writes, as far as they are known before it begins.
    static func files(of study: Study, in path: String) -> [String] {
        let folder = RunFolder(unmade: path)
        let sides = Study.Side.allCases.map(\.rawValue)
        var files = [
            folder.report, folder.reportPage, folder.resultsJSON, folder.resultsCSV, folder.comparisonsCSV,
            folder.gridCSV, folder.probe, folder.layerCurves, folder.layerRange, folder.reasoningCurves,
        ]
        files += sides.flatMap { [folder.data($0), folder.scores($0), folder.subspaces($0)] }
        files += study.statistics.map { folder.statistic($0.name) }
        if study.refusalDirection != nil { files += [folder.direction, folder.controlVector, folder.directionTable] }
        return files
            + study.conditions.map(\.name).flatMap {
                [folder.mask($0), folder.edit($0), folder.answers($0), folder.questions($0), folder.gate($0)]
            }
    }

    private init(unmade path: String) {
        self.path = path
        ledger = RunLedger(folder: path) { _ in }
    }

    /// Makes the folder and its parts.
    /// - Parameter say: gets a line for every file that is not what the run recorded.
    /// - Throws: `InputError` where that fails.
    package init(_ path: String, say: @escaping @Sendable (String) -> Void = { _ in }) throws(InputError) {
        self.path = path
        ledger = RunLedger(folder: path, say: say)
        for part in [
            "", "/data", "/scores", "/masks", "/subspaces", "/edits", "/answers", "/questions", "/overlap",
            "/statistics",
        ] {
            try Files.makeFolder(path + part)
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
    /// What a condition's gate makes of every prompt.
    package func gate(_ condition: String) -> String { "\(path)/gates/\(condition).csv" }
    /// What the blocks of a sequential condition came to, until it is finished.
    package func blocks(_ condition: String) -> String { "\(path)/blocks/\(condition)" }
    package func answers(_ condition: String) -> String { "\(path)/answers/\(condition).jsonl" }
    package func questions(_ condition: String) -> String { "\(path)/questions/\(condition).jsonl" }
    package func model(_ condition: String) -> String { "\(path)/models/\(condition)" }
    package var probe: String { "\(path)/probe.json" }
    /// Without its ending: JSON and CSV.
    package func overlap(_ measure: String) -> String { "\(path)/overlap/\(measure)" }
    /// What a statistic of the study's own came to.
    package func statistic(_ name: String) -> String { "\(path)/statistics/\(name).safetensors" }
    /// The direction that the study selects.
    package var direction: String { "\(path)/directions/refusal.safetensors" }
    /// The same as a control vector.
    package var controlVector: String { "\(path)/directions/refusal.gguf" }
    /// All candidates for it.
    package var directionTable: String { "\(path)/directions/candidates.csv" }
    /// Curves over layers.
    package var layerCurves: String { "\(path)/layer-curves.csv" }
    /// Every range that the search for safety layers tried.
    package var layerRange: String { "\(path)/layer-range.csv" }
    /// How far the beginnings of answers move states.
    package var reasoningCurves: String { "\(path)/reasoning-curves.csv" }
    package var report: String { "\(path)/report.md" }
    package var reportPage: String { "\(path)/report.html" }
    package var resultsJSON: String { "\(path)/results.json" }
    package var gridCSV: String { "\(path)/finetune-grid.csv" }
    package var resultsCSV: String { "\(path)/results.csv" }
    package var comparisonsCSV: String { "\(path)/comparisons.csv" }
    /// The tables of all studies of a list, in the folder that holds theirs.
    package static func index(in root: String) -> String { "\(root)/index.md" }
}
