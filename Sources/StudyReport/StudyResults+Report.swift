import Datasets
import Evaluation
package import Experiment
import Protocol
package import Reporting
import Selection
import StudyFile
import Tensors

/// A finished study as a report, and its files.
extension StudyResults {
    var settings: [(name: String, value: String)] {
        typealias Setting = (name: String, value: String)
        let attacks: [Setting] = study.evaluation.settings.map { ("attack \($0.name)", $0.title) }
        let statistics: [Setting] = study.statistics.map { ("statistic \($0.name)", $0.title) }
        let prompts = study.evaluation.harmful.map { "\(harmful.count) of \($0.file)" } ?? "none"
        let harmlessPrompts = study.evaluation.harmless.map { "\(harmless.count) of \($0.file)" } ?? "none"
        let floor = study.evaluation.coherenceFloor == nil ? "calibrated" : "stated"
        let coherence =
            "floor \(gate.floorTitle) nats a token (\(floor)), unique words ≥ \(gate.chat.minimumUniqueWords), "
            + "distinct 4-grams ≥ \(gate.chat.minimumDistinctGrams)"
        let others: [Setting] = [
            ("model", study.model), ("model digest", modelDigest), ("chat template", codec),
            ("system prompt", study.system.word), ("thinking", thinking), ("seed", "\(study.seed)"),
            ("scores", "\(study.scores.method.rawValue), loss \(study.scores.loss.rawValue)"),
            ("examples a block", "\(study.blockExamples)"), ("tokens a batch", "\(study.batchTokens)"),
            ("kernel level", kernels),
            ("new tokens", "\(study.evaluation.maxNewTokens)"),
            ("points are chosen on", study.evaluation.selectOn.rawValue), ("harmful prompts", prompts),
            ("harmless prompts", harmlessPrompts), ("zero-shot tasks", zeroShotTitle),
            ("judge of ASR, over-refusal and own refusals", judges.own.title),
            ("judge of ASR phrase, ASR paper and ASR gated", judges.paper.title), ("coherence", coherence),
        ]
        var first: [Setting] = []
        let penalty = study.evaluation.repetitionPenalty
        if penalty != 1 { first.append(("repetition penalty", plainNumber(penalty))) }
        if let kl = study.evaluation.firstTokenKL { first.append(("first-token KL", kl.title)) }
        if let refusalTokens { first.append(("refusal tokens", refusalTokens)) }
        let beside: [Setting] = judges.others.map { ("judge of ASR \($0.name)", $0.title) }
        let direction: [Setting] = study.refusalDirection.map { [("refusal direction", $0.title)] } ?? []
        return attacks + statistics + direction + curveSettings + others + first + beside
    }

    var zeroShotTitle: String {
        guard let plan = study.evaluation.zeroShot else { return "none" }
        return
            "\(plan.limit.map { "\($0)" } ?? "all") documents each of \(plan.tasks.map(\.rawValue).joined(separator: ", ")) in \(plan.documents), shuffled with Python's Random(\(plan.seed))"
    }

    /// What every condition is, and what its method found on the way.
    private var methods: Table {
        var table = Table([.init("condition", .left), .init("what it is", .left)])
        for condition in conditions {
            table.append([condition.title, condition.method + (condition.note.map { "; \($0)" } ?? "")])
        }
        return table
    }

    /// What every gate made of harmful and of harmless prompts; `nil` where no condition has one.
    private var gates: Table? {
        var gates: [(name: String, result: ScansGateResult)] = []
        for condition in conditions { if let gate = condition.gate { gates.append((condition.name, gate)) } }
        return gates.isEmpty ? nil : ScansGateTable.table(gates)
    }

    /// - Parameters:
    ///   - samplesPerCondition: answers shown; the rest stays in the answer files.
    ///   - comparisons: where they are known already; they take a while.
    package func report(
        command: String, versions: [(name: String, value: String)], samplesPerCondition: Int = 3,
        comparisons: [Comparison]? = nil
    ) -> Report {
        let comparisons = comparisons ?? self.comparisons()
        var report = Report(title: "Study \(study.name)", command: command)
        report.settings = settings
        report.versions = versions
        report.warnings = warnings
        report.tables = [("Results", table())]
        if let table = table(comparisons) {
            report.tables.append(("Against the unedited model, on the same prompts and questions", table))
        }
        if let table = lengthTable() {
            report.tables.append(("ASR (\(judges.own.name)) by new tokens, of the same answers", table))
        }
        for grid in grids { report.tables += grid.tables() }
        let landscape = Landscape(self)
        if let table = landscape?.table() { report.tables.append(("Safety landscape", table)) }
        report.tables.append(("Conditions", methods))
        if let gates { report.tables.append(("Gates of SCANS: precision and recall of \"unsafe\"", gates)) }
        if !files.isEmpty { report.tables.append(("Data files", DataNote.table(files))) }
        if let probe { report.tables.append(("Attention heads by probe accuracy", HeadProbeFile.table(probe))) }
        addFindings(to: &report)
        report.notes = notes
        if !grids.isEmpty { report.notes += FineTuneTable.notes }
        addDefences(to: &report)
        if let landscape {
            report.notes += Landscape.notes
            report.figures += landscape.figures()
        }
        for condition in conditions {
            for (answer, verdict) in condition.harmful.prefix(samplesPerCondition) {
                report.samples.append(
                    .init(
                        condition: condition.name, prompt: harmful[answer.prompt], answer: answer.text,
                        verdict: SampleAnswers.title(verdict)))
            }
        }
        return report
    }

    /// Writes report.html, report.md, results.json and results.csv.
    /// - Parameter files: what the run was made of, by name, for the page.
    /// - Throws: `TensorFileError` where a file cannot be written.
    package func write(
        to folder: RunFolder, command: String, versions: [(name: String, value: String)],
        files: [(name: String, text: String)] = [], gnuplot: Gnuplot? = Gnuplot()
    ) throws {
        try TextFile.write(csv(), to: folder.resultsCSV)
        let comparisons = comparisons()
        try TextFile.write(Self.csv(comparisons), to: folder.comparisonsCSV)
        if !grids.isEmpty { try TextFile.write(FineTuneTable.csv(grids), to: folder.gridCSV) }
        var report = report(command: command, versions: versions, comparisons: comparisons)
        try TextFile.write(
            json(command: command, versions: versions, findings: report.findings), to: folder.resultsJSON)
        try TextFile.write(report.markdown(), to: folder.report)
        report.files = files
        if let version = gnuplot?.version { report.versions.append(("plots", version)) }
        try TextFile.write(ReportPage.html(report, gnuplot: gnuplot), to: folder.reportPage)
    }
}
