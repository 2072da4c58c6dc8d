import CKernels
import Linalg
import Selection
import Tensors
import Transformer

extension Ablation: AppliedEdit {
    static func apply(_ bundle: TensorBundle, to stage: StageContext) throws {
        let ablation = try Ablation(bundle: bundle, source: "ablation")
        try ablation.check(against: stage.config, named: "ablation")
        // At strength 0 the model stays as it is to the bit.
        if ablation.strength != 0 { stage.stage.writer = AblationWriter(ablation, stage.pool) }
    }
}

/// Takes the direction out of what comes into a block, and of what attention and MLP add.
private final class AblationWriter: ResidualWrite {
    private let ablation: Ablation
    private let pool: ThreadPool
    let keepsGradients = false

    init(_ ablation: Ablation, _ pool: ThreadPool) { (self.ablation, self.pool) = (ablation, pool) }

    func firstPosition(prompt: [Int32]) -> Int? { 0 }

    func writes(_ place: WrittenPlace, layer: Int) -> Bool { place != .output }

    func write(_ place: WrittenPlace, layer: Int, x: UnsafeMutablePointer<Float>, columns: Int, rows: [Int]) {
        nonisolated(unsafe) let x = x
        let (direction, strength) = (ablation.direction, ablation.strength)
        pool.run(over: rows.count, by: 48) { tile in
            for row in rows[tile] { fl_remove_component(x + row * columns, direction, strength, columns) }
        }
    }
}
