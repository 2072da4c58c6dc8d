package import Protocol
package import Selection
import Tensors

extension ModelRunner {
    /// What the last `train`, of matrices beside the linear maps, ended with: to the bit the trained model.
    /// - Throws: as `trainedWeights`; `SelectionError` where a matrix is missing.
    package func trainedEdit(_ lora: LoRA, metadata: [String: String] = [:]) async throws -> LowRankEdit {
        var edit = LowRankEdit(maps: [], metadata: metadata)
        try await trainedWeights { edit.maps += try LowRankEdit(trained: $0.entries, lora).maps }
        return edit
    }
}
