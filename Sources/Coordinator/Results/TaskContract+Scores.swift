import Checkpoint
import Protocol
import Selection
import Tensors

/// Statistics of a block: sums of absolute values and of squares, for every map of the layers asked for.
extension TaskContract {
    static func scores(
        _ statistics: [Statistic], _ batches: [Batch], _ config: ModelConfig, layers: Range<Int>
    ) -> ResultContract {
        // Nothing runs, and so nothing is summed, without batches.
        guard !batches.isEmpty else { return ResultContract() }
        var contract = ResultContract()
        for statistic in Set(statistics.map(\.parts.statistic)) {
            let wanted = Set(statistics.filter { $0.parts.statistic == statistic }.map(\.parts.layer))
            for layer in layers where wanted.contains(nil) || wanted.contains(layer) {
                add(statistic, layer, config, to: &contract)
            }
        }
        // The loss of every sequence, in words.
        contract.headerBytes += 32 * batches.reduce(0) { $0 + $1.sequences.count }
        return contract
    }

    private static func add(
        _ statistic: Statistic, _ layer: Int, _ config: ModelConfig, to contract: inout ResultContract
    ) {
        switch statistic {
        case .absoluteGradient:
            contract.tensors += LinearMap.allCases.map { map in
                let shape = map.shape(in: config)
                let name = StatisticName.absoluteGradient(map.weightName(layer: layer))
                return ResultContract.Tensor(name, .f32, [shape.rows, shape.columns], .nonNegative)
            }
        case .inputSquares:
            contract.tensors += LinearMap.allCases.map { map in
                let name = StatisticName.inputSquares(map.weightName(layer: layer))
                return ResultContract.Tensor(name, .f64, [map.shape(in: config).columns], .nonNegative)
            }
        case .secondMoments:
            for place in SecondMoments.places(of: config, layer: layer) {
                contract.tensors.append(.init(place.name, .f64, [place.packedCount], .finite))
                contract.relations.append(.diagonal(place.name, dimension: place.dimension))
            }
        case .ofLayer: break
        }
    }
}
