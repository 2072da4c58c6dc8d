import Checkpoint
public import Protocol
public import Tensors

/// What LoRA fine-tuning ends with, as an edit: left = alpha / rank · B, right = A.
extension LowRankEdit {
    /// - Parameter trained: A and B by `LoRA.a` and `LoRA.b`, of all stages.
    /// - Throws: `SelectionError.file` where a matrix has no partner, or another shape than the rank says.
    public init(
        trained: [TensorBundle.Entry], _ lora: LoRA, metadata: [String: String] = [:]
    ) throws(SelectionError) {
        let byName = Dictionary(trained.map { ($0.name, $0) }) { first, _ in first }
        var maps: [Map] = []
        for a in trained where a.name.hasPrefix(LoRA.a("")) {
            let weight = String(a.name.dropFirst(LoRA.a("").count))
            guard let b = byName[LoRA.b(weight)], a.type == .f32, b.type == .f32, a.shape.count == 2,
                b.shape.count == 2,
                a.shape[0] == lora.rank, b.shape[1] == lora.rank
            else { throw .file("fine-tuned matrices", map: weight, fault: "has no A and B of rank \(lora.rank)") }
            let left = AlignedBuffer(floats: b.shape[0] * lora.rank, zeroed: false)
            // As the workers merge it, to the bit.
            for index in left.floats.indices { left.floats[index] = lora.scale * b.buffer.floats[index] }
            // The workers' memory, or a file's, may go; the edit stays.
            let right = AlignedBuffer(a.buffer.floatArray())
            maps.append(
                Map(
                    shape: WeightShape(name: weight, rows: b.shape[0], columns: a.shape[1]), rank: lora.rank,
                    left: left, right: right))
        }
        self.init(maps: maps, metadata: metadata)
    }
}
