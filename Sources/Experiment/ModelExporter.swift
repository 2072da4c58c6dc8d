package import ModelService
package import Selection

/// Writes models as Hugging Face folders.
package protocol ModelExporter: Sendable {
    /// The edited checkpoint.
    /// - Throws: `SelectionError.notExported` where weights alone do not hold what the edit does.
    func export(_ edit: any WeightEdit, to folder: String) throws
    /// The change alone, as a PEFT adapter.
    /// - Throws: where a file cannot be read or written.
    func exportAdapter(_ edit: LowRankEdit, to folder: String) throws
    /// The checkpoint with what the fleet has trained in its last `train`, but for the weights that are rewound.
    /// - Parameter provenance: how it was trained, for the folder's `faultline.json`.
    /// - Throws: what the runner throws; where a file cannot be read or written.
    func exportTrained(_ runner: any ModelRunner, rewind: Mask?, provenance: [String: String], to folder: String)
        async throws
}
