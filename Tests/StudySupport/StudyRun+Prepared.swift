package import Caching
package import Checkpoint
package import Datasets
package import Experiment
package import ModelService
import Selection
package import StudyFile

extension StudyRun {
    /// Prepares a study, and takes it on.
    package convenience init(
        _ study: Study, runner: any ModelRunner, codec: any TextCodec, model: any WeightSource, modelDigest: String,
        folder: RunFolder, exporter: (any ModelExporter)?, cache: ResultCache? = nil,
        announce: @escaping (String) -> Void
    ) throws {
        let prepared = try PreparedStudy(
            study, config: model.config, provenance: { Provenance(model: modelDigest, name: study.modelName) },
            codec: codec, announce: announce)
        self.init(
            prepared, runner: runner, model: model, modelDigest: modelDigest, folder: folder, exporter: exporter,
            cache: cache, announce: announce)
    }
}
