import Checkpoint
import ModelService
import Protocol
import Scheduling
import Selection

/// What collecting statistics takes of the workers' memory.
extension ModelPlan.Copies {
    /// - Throws: `SelectionError` where a statistic is unknown.
    static func statistics(of requests: [ScoreRequest], _ config: ModelConfig) throws -> Double {
        var largest = reading
        for request in requests {
            let examples = request.blocks.map { block in block.reduce(0) { $0 + $1.sequences.count } }.max() ?? 0
            let classes = request.statistics.map(\.classes).max() ?? 1
            largest = max(
                largest,
                statistics(
                    try request.statistics.map { try $0.statistic() }, config, examples: examples, classes: classes))
        }
        return largest
    }
}
