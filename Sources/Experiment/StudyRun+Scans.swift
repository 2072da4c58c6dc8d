import Checkpoint
import Datasets
import OutputFiles
import Selection
import StudyFile
import Tensors

/// A condition that is steered by SCANS: its gate is calibrated, and every prompt of the evaluation classified.
extension StudyRun {
    /// - Returns: the steering, and what the gate came to.
    func scans(_ step: ScansStep, _ own: ConditionStep) async throws -> (edit: any WeightEdit, gate: ScansGateResult) {
        let fit = try await fit(step, own)
        var edit = fit.steering(step.method, of: step.evaluated.map(\.tokens))
        let result = fit.result(accuracy(edit.gate ?? []))
        edit.metadata["gate"] = result.words
        announce("\(own.name): \(result.words)")
        let path = folder.gate(own.name)
        try Files.makeFolder(Paths.folder(of: path))
        try TextFile.write(fit.csv(), to: path)
        try folder.ledger.record(path)
        return (try write(edit, of: own), result)
    }

    /// Conditions that differ in where and how far they steer have one gate.
    private func fit(_ step: ScansStep, _ own: ConditionStep) async throws -> ScansFit {
        if let known = scansFits.first(where: { $0.settings == step.method.gateSettings }) { return known }
        let fit = try await step.fit(
            own.name, of: model.config, runner: runner, output: folder.edit(own.name) + ".folded")
        scansFits.append(fit)
        return fit
    }

    /// What is told right of the prompts of the evaluation, each as often as it is put.
    private func accuracy(_ unsafe: Set<[Int32]>) -> ScansGate.Accuracy {
        let (harmful, harmless) = (
            evaluator.prompts.filter(\.isHarmful), evaluator.prompts.filter { !$0.isHarmful }
        )
        return ScansGate.Accuracy(
            harmful: (harmful.count { unsafe.contains($0.tokens) }, harmful.count),
            harmless: (harmless.count { !unsafe.contains($0.tokens) }, harmless.count))
    }
}
