/// Names inside the edit that puts a pipeline where a fine-tuning run was after some step.
///
/// Weights and moments are named as in the result of a `checkpoint` task, frozen weights' bits `frozen.NAME` (U8). Where
/// the run is at its end, `rewound.NAME` (U8) are bits of the weights that have the checkpoint's values again.
public enum TrainingEdit {
    /// Metadata: optimiser steps made, which parameters are trained, and `true` where there are no moments any more.
    public static let steps = "steps"
    public static let parameters = "parameters"
    public static let isFinal = "final"
    /// Metadata, where matrices beside the linear maps are trained: `LoRA.text`.
    public static let lora = "lora"
    public static let frozen = "frozen."
    public static let rewound = "rewound."
}
