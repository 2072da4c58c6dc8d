import Checkpoint
import FineTuning
import Protocol
import Selection
import Tensors

extension LowRankTraining {
    /// A as peft begins by default: uniform in ±1/√d_in, which is Kaiming's uniform with a = √5. Draws are counted by seed,
    /// tensor and place, so that any stage has the same; they are not those of torch.
    init(_ lora: LoRA) {
        let maps = lora.maps.map { ".\($0).weight" }
        self.init(
            rank: lora.rank, scale: lora.scale, names: { (LoRA.a($0), LoRA.b($0)) },
            start: { weight, columns in
                guard maps.contains(where: { weight.hasSuffix($0) }) else { return nil }
                let draws = RandomStream(seed: lora.seed, name: LoRA.a(weight))
                let bound = 1 / Double(columns).squareRoot()
                let a = AlignedBuffer(floats: lora.rank * columns, zeroed: false)
                for index in a.floats.indices { a.floats[index] = Float((2 * draws.double(index) - 1) * bound) }
                return a
            })
    }
}
