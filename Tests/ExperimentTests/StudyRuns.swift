import Caching
import Checkpoint
import Experiment
import ModelService
import StudyFile
import StudySupport
import TestSupport

extension TemporaryFolder {
    /// Carries a study out in `folder` below this one, with the texts of `ByteCodec` and, where it is cached, the cache that
    /// all such runs share.
    func carryOut<Runner: ModelRunner>(
        _ study: Study, _ runner: Runner, model: any WeightSource, in folder: String, cached: Bool = false,
        exporter: (any ModelExporter)? = nil, announce: @escaping (String) -> Void = { _ in }
    ) async throws -> (runner: Runner, folder: RunFolder, results: StudyResults) {
        let run = try RunFolder(file(folder))
        let results = try await StudyRun(
            study, runner: runner, codec: ByteCodec(), model: model, modelDigest: "digest", folder: run,
            exporter: exporter, cache: cached ? try ResultCache(file("cache")) : nil, announce: announce
        ).run()
        return (runner, run, results)
    }
}
