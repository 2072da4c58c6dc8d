import Checkpoint
import Protocol
import Selection
import Tensors

/// Statistics of a block, as they say themselves what they consist of.
extension TaskContract {
    static func scores(
        _ requests: [StatisticRequest], _ batches: [Batch], _ config: ModelConfig, layers: Range<Int>
    ) -> ResultContract {
        // Nothing runs, and so nothing is collected, without batches.
        guard !batches.isEmpty else { return ResultContract() }
        var contract = ResultContract()
        let examples = batches.reduce(0) { $0 + $1.exampleCount }
        for request in Set(requests) {
            // What nobody knows by this name no worker collects: the task fails there, with the name.
            guard let statistic = try? request.statistic() else { continue }
            let wanted = (request.layer.map { $0..<$0 + 1 } ?? layers).clamped(to: layers)
            let extent = StatisticExtent(layers: wanted, examples: examples, classes: request.classes)
            for tensor in statistic.tensors(config, extent) {
                contract.tensors.append(.init(tensor.name, tensor.type, tensor.shape, tensor.values))
                guard let dimension = tensor.triangle else { continue }
                contract.relations.append(.diagonal(tensor.name, dimension: dimension))
            }
        }
        // The loss of every sequence, in words.
        contract.headerBytes += 32 * batches.reduce(0) { $0 + $1.sequences.count }
        return contract
    }
}
