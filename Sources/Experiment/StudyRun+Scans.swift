import Checkpoint
import Datasets
import ModelService
import OutputFiles
import Selection
import StudyFile
import Tensors

/// A condition that is steered by SCANS: its gate is calibrated, and every prompt of the evaluation classified.
extension StudyRun {
    /// - Returns: the steering, and in words what the gate came to.
    func scans(_ step: ScansStep, _ own: ConditionStep) async throws -> (edit: any WeightEdit, note: String) {
        let fit = try await fit(step, own)
        let evaluated = fit.cosines[.evaluated] ?? []
        var prompts: (unsafe: Set<[Int32]>, safe: Set<[Int32]>) = ([], [])
        for (tokens, cosines) in zip(step.evaluated, evaluated) {
            if fit.gate.isUnsafe(cosines) { prompts.unsafe.insert(tokens) } else { prompts.safe.insert(tokens) }
        }
        let method = step.method
        var vectors: [Int: [Float]] = [:]
        for layer in method.layers ?? ScansMethod.middle(of: model.config.layerCount) {
            vectors[layer] = fit.vectors[layer].map { Float(method.alpha * $0) }
        }
        let note = words(fit, prompts.unsafe)
        announce("\(own.name): \(note)")
        let edit = Steering(
            vectors: vectors, start: .lastPromptToken, gate: prompts.unsafe, opposite: prompts.safe,
            metadata: [
                "alpha": "\(method.alpha)", "threshold": "\(fit.gate.threshold)",
                "gate_layers": fit.gate.layers.map(String.init).joined(separator: ","), "gate": note,
            ])
        try write(fit, to: folder.gate(own.name))
        return (try write(edit, of: own), note)
    }

    /// Conditions that differ in where and how far they steer have one gate.
    private func fit(_ step: ScansStep, _ own: ConditionStep) async throws -> ScansFit {
        if let known = scansFits.first(where: { $0.settings == step.method.gateSettings }) { return known }
        try await runner.apply(nil)
        let output = folder.edit(own.name) + ".folded"
        defer { Files.removeFile(output) }
        let receipt = try await runner.score([step.request(own.name, output: output)], label: "\(own.name): gate")
        let fit = try ScansFit(try TensorBundle(mapping: output), step.method, model.config)
        try runner.release(receipt)
        scansFits.append(fit)
        return fit
    }

    /// The gate, how it does on the prompts that it is calibrated on, and what it makes of those of the evaluation.
    private func words(_ fit: ScansFit, _ unsafe: Set<[Int32]>) -> String {
        let layers = fit.gate.layers
        let isRange = layers.count > 1 && layers == Array(layers[0]...layers[layers.count - 1])
        let blocks =
            isRange
            ? "blocks \(layers[0]) to \(layers[layers.count - 1])"
            : "block\(layers.count == 1 ? "" : "s") \(layers.map(String.init).joined(separator: " "))"
        func rounded(_ value: Double, _ scale: Double) -> String { plainNumber((value * scale).rounded() / scale) }
        var shares: [String] = []
        for (isHarmful, name) in [(true, "harmful"), (false, "harmless")] {
            let put = evaluator.prompts.filter { $0.isHarmful == isHarmful }
            guard !put.isEmpty else { continue }
            shares.append("\(put.count { unsafe.contains($0.tokens) }) of \(put.count) \(name)")
        }
        return
            "gate at \(rounded(fit.gate.threshold, 1e4)) over \(blocks); of its calibration \(fit.accuracy.words), \(rounded(100 * fit.accuracy.balanced, 10)) % on average; unsafe by it of the evaluation: \(shares.joined(separator: ", "))"
    }

    /// Scores as a table: a line a prompt.
    private func write(_ fit: ScansFit, to path: String) throws {
        var lines = ["list,prompt,score,unsafe"]
        for list in ScansStep.List.allCases {
            for (number, cosines) in (fit.cosines[list] ?? []).enumerated() {
                let isUnsafe = fit.gate.isUnsafe(cosines) ? 1 : 0
                lines.append("\(list.rawValue),\(number),\(fit.gate.score(cosines)),\(isUnsafe)")
            }
        }
        try Files.makeFolder(Paths.folder(of: path))
        try TextFile.write(lines.joined(separator: "\n") + "\n", to: path)
        try folder.ledger.record(path)
    }
}
