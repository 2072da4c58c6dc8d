package import Datasets
package import ModelService
package import Protocol
package import Selection
package import StudyFile
import Tensors

/// The harmful pairs of an `antidote` condition, drawn and packed, and what is collected of them.
package struct AntidoteStep: Sendable {
    package let method: AntidoteMethod
    package let pairs: [Pair]
    package let blocks: [[Batch]]
    package let statistic: any Statistic

    /// All of a study's conditions that draw as many pairs of a file draw the same.
    /// - Throws: `InputError` where the file has too few pairs, or one is longer than the model's context; `PackingError`
    ///   where one is larger than a batch.
    package init(
        _ method: AntidoteMethod, study: Study, codec: any TextCodec, _ files: DataFiles
    ) throws {
        self.method = method
        statistic = method.place.statistic
        pairs = try Sampling.sample(
            try files.pairs(method.pairs), count: method.samples, seed: study.seed, name: "antidote",
            source: method.pairs)
        blocks = try BatchPacking.blocks(
            try Calibration.groups(pairs, codec: codec), examples: study.blockExamples,
            maximumTokens: study.batchTokens)
    }

    /// - Parameter output: where the folded statistic goes.
    package func request(_ name: String, output: String) -> ScoreRequest {
        ScoreRequest(
            name: name, statistics: [statistic.request()], blocks: blocks, output: output,
            // Second moments are too large to be kept for later runs.
            isCached: method.place == .merged)
    }
}
