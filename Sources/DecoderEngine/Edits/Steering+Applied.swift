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

/// Adds the vectors where the blocks take the residual stream, or hand it on; of some prompts it subtracts them.
private final class SteeringWriter: ResidualWrite {
    private let steering: Steering
    /// The same with vectors of the other sign.
    private let opposite: Steering
    let keepsGradients = true

    init(_ steering: Steering) {
        var (steering, opposite) = (steering, steering)
        // Adding zero would make +0 of -0.
        steering.vectors = steering.vectors.filter { $0.value.contains { $0 != 0 } }
        steering.inputs = steering.inputs.filter { $0.value.contains { $0 != 0 } }
        opposite.vectors = steering.vectors.mapValues { $0.map { -$0 } }
        opposite.inputs = steering.inputs.mapValues { $0.map { -$0 } }
        (self.steering, self.opposite) = (steering, opposite)
    }

    func firstPosition(prompt: [Int32]) -> Int? { steering.firstPosition(prompt: prompt) }

    func isOpposed(prompt: [Int32]) -> Bool { steering.isOpposed(prompt: prompt) }

    private static func vector(_ steering: Steering, _ place: WrittenPlace, _ layer: Int) -> [Float]? {
        switch place {
        case .input: steering.inputs[layer]
        case .output: steering.vectors[layer]
        case .attentionOutput, .mlpOutput: nil
        }
    }

    func writes(_ place: WrittenPlace, layer: Int) -> Bool { Self.vector(steering, place, layer) != nil }

    func write(_ place: WrittenPlace, layer: Int, x: UnsafeMutablePointer<Float>, columns: Int, rows: [Int]) {
        add(steering, place, layer, x, columns, rows)
    }

    func writeOpposite(_ place: WrittenPlace, layer: Int, x: UnsafeMutablePointer<Float>, columns: Int, rows: [Int]) {
        add(opposite, place, layer, x, columns, rows)
    }

    private func add(
        _ steering: Steering, _ place: WrittenPlace, _ layer: Int, _ x: UnsafeMutablePointer<Float>, _ columns: Int,
        _ rows: [Int]
    ) {
        guard let vector = Self.vector(steering, place, layer) else { return }
        for row in rows { fl_add(x + row * columns, vector, columns) }
    }
}
