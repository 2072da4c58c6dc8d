import Caching
package import Checkpoint
package import Experiment
package import ModelService
package import Planning
package import StudyFile
package import TestSupport

/// Studies that are carried out, and counted, with the texts of `ByteCodec` and, where they are cached, the cache that all of
/// a folder's share.
extension TemporaryFolder {
    private func cache(_ isWanted: Bool) throws -> ResultCache? {
        isWanted ? try ResultCache(file("cache")) : nil
    }

    /// Carries a study out in `folder` below this one.
    package func carryOut<Runner: ModelRunner>(
        _ study: Study, _ runner: Runner, model: any WeightSource, in folder: String, cached: Bool = false,
        exporter: (any ModelExporter)? = nil, announce: @escaping (String) -> Void = { _ in }
    ) async throws -> (runner: Runner, folder: RunFolder, results: StudyResults) {
        let run = try RunFolder(file(folder))
        let results = try await StudyRun(
            study, runner: runner, codec: ByteCodec(), model: model, modelDigest: "digest", folder: run,
            exporter: exporter, cache: try cache(cached), announce: announce
        ).run()
        return (runner, run, results)
    }

    /// What a plan counts of a study.
    package func work(_ study: Study, model: any WeightSource, cached: Bool = false) throws -> Work {
        var made: Set<String> = []
        return try WorkCounter.count(
            StudySchedule(study, config: model.config, codec: ByteCodec()), model: model, cache: try cache(cached),
            keys: cached ? CacheKeys(modelDigest: "digest", kernels: "fake") : nil, made: &made)
    }

    /// What it says of the coordinator's disk.
    package func disk(_ study: Study, model: any WeightSource) throws -> DiskPrediction {
        DiskPrediction(
            try StudySchedule(study, config: model.config, codec: ByteCodec()), config: model.config,
            work: try work(study, model: model))
    }
}
