package import Datasets
package import Protocol
import Selection
package import StudyFile
package import Tensors

/// Lays a fine-tuning run's steps out from its settings alone.
package enum FineTuneSteps {
    /// Of a number of steps, every one takes the next `batch` examples of an endless row of shuffled passes over the data.
    /// Of a number of epochs, every one is a shuffled pass of its own, whose last step has what is left.
    ///
    /// One random stream serves all runs of a study: with and without frozen weights they see the same examples.
    /// - Throws: `PackingError` where an example is larger than a micro-batch.
    package static func training(
        _ groups: [SequenceGroup], settings: Study.FineTune, seed: UInt64, name: String = "order", batchTokens: Int
    ) throws(PackingError) -> TaskBody.Training {
        precondition(!groups.isEmpty, "fine-tuning on no examples")
        func pass(_ number: Int) -> [SequenceGroup] {
            RandomStream(seed: seed, name: "finetune/\(name)/\(number)").sample(groups.count, of: groups.count).map {
                groups[$0]
            }
        }
        var row: [SequenceGroup] = []
        var passes = 0
        var steps: [[Batch]] = []
        for _ in 0..<stepCount(settings.length, examples: groups.count, batch: settings.batch) {
            switch settings.length {
            case .steps:
                while row.count < settings.batch {
                    row += pass(passes)
                    passes += 1
                }
            case .epochs:
                if row.isEmpty {
                    row = pass(passes)
                    passes += 1
                }
            }
            steps.append(try BatchPacking.pack(Array(row.prefix(settings.batch)), maximumTokens: batchTokens))
            row = Array(row.dropFirst(settings.batch))
        }
        // AdamW without decay is odd in the gradient: a rate below 0 is ascent, to the bit.
        let rate = Float(settings.learningRate)
        var training = TaskBody.Training(
            steps: steps, firstStep: 0, parameters: settings.parameters,
            learningRate: settings.isAscent ? -rate : rate)
        training.lora = settings.lora
        training.lora?.seed = seed
        return training
    }

    /// The pairs that a run sees, drawn from its file, and their tokens with the one that ends an answer.
    /// - Throws: `InputError` where the file has too few, or one is longer than the model's context.
    package static func examples(
        _ settings: Study.FineTune, seed: UInt64, codec: any TextCodec, _ files: DataFiles
    ) throws(InputError) -> (pairs: [Pair], groups: [SequenceGroup]) {
        let pairs = try Sampling.sample(
            try files.pairs(settings.pairs), count: settings.samples, seed: seed, name: "finetune",
            source: settings.pairs)
        return (pairs, try Calibration.groups(pairs, codec: codec, endOfAnswer: codec.endOfAnswer))
    }

    /// Optimiser steps of a run over so many examples.
    package static func stepCount(_ length: Study.FineTune.Length, examples: Int, batch: Int) -> Int {
        switch length {
        case .steps(let count): count
        case .epochs(let count): count * ((examples + batch - 1) / batch)
        }
    }
}
