import Checkpoint
import Datasets
import ModelService
import OutputFiles
import Selection
import StudyFile
import Tensors

/// How far the beginnings of answers move the unedited model's states.
extension StudyRun {
    func followReasoning(_ step: ReasoningStep) async throws {
        warn(step.prompts, name: ReasoningStep.label)
        announce("\(ReasoningStep.label) of \(step.prompts.count) prompts")
        try await runner.apply(nil)
        let request = step.request(output: folder.reasoningCurves + ".folded")
        defer { Files.removeFile(request.output) }
        let receipt = try await runner.score([request], label: ReasoningStep.label)
        let curves = try step.curves(request.output, of: model.config)
        try TextFile.write(curves.csv(), to: folder.reasoningCurves)
        try folder.ledger.record(folder.reasoningCurves)
        try runner.release(receipt)
        reasoningCurves = curves
    }
}
