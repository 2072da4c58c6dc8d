import CKernels
import Selection
import Tensors
import Transformer

extension Steering: AppliedEdit {
    static func apply(_ bundle: TensorBundle, to stage: StageContext) throws {
        let steering = try Steering(bundle: bundle, source: "steering")
        try steering.check(against: stage.config, named: "steering")
        stage.stage.writer = SteeringWriter(steering)
    }
}

/// Adds the vectors where the blocks hand the residual stream on.
private final class SteeringWriter: ResidualWrite {
    private let steering: Steering

    init(_ steering: Steering) { self.steering = steering }

    func firstPosition(prompt: [Int32]) -> Int? { steering.firstPosition(prompt: prompt) }

    func write(layer: Int, x: UnsafeMutablePointer<Float>, columns: Int, rows: [Int]) {
        guard let vector = steering.vectors[layer] else { return }
        for row in rows { fl_add(x + row * columns, vector, columns) }
    }
}
