package import Protocol
import Selection

/// Lays a fine-tuning run's steps out from its settings alone.
package enum FineTunePlan {
    /// Every step takes the next `batch` examples of an endless row of shuffled passes over the data.
    /// - Parameter name: the run's random stream.
    /// - Throws: `PackingError` where an example is larger than a micro-batch.
    package static func training(
        _ groups: [SequenceGroup], settings: Study.FineTune, seed: UInt64, name: String, batchTokens: Int
    ) throws(PackingError) -> TaskBody.Training {
        precondition(!groups.isEmpty, "fine-tuning on no examples")
        var row: [SequenceGroup] = []
        var pass = 0
        var steps: [[Batch]] = []
        for _ in 0..<settings.steps {
            while row.count < settings.batch {
                let order = RandomStream(seed: seed, name: "finetune/\(name)/\(pass)").sample(
                    groups.count, of: groups.count)
                row += order.map { groups[$0] }
                pass += 1
            }
            steps.append(try BatchPacking.pack(Array(row.prefix(settings.batch)), maximumTokens: batchTokens))
            row.removeFirst(settings.batch)
        }
        return TaskBody.Training(
            steps: steps, firstStep: 0, parameters: settings.parameters, learningRate: Float(settings.learningRate))
    }
}
