package import Checkpoint
package import Datasets
package import Selection
package import StudyFile

/// A study that fits its model, and whose files are all read and sound. Nothing of it is computed, and nothing is written:
/// what is wrong with a study ends it here, before it has a folder or workers.
package struct PreparedStudy {
    package let study: Study
    package let schedule: StudySchedule
    /// What the study's files were taken for.
    package let files: DataFiles

    /// Checks the settings against the model first, since that takes no time, then reads every file the study names.
    /// - Parameters:
    ///   - provenance: of the model; asked for where the study names a file that has to belong to it.
    ///   - announce: gets a line a file.
    /// - Throws: `InputError`, `EvaluationError` or `PackingError` naming the file and its fault; `SelectionError` where the
    ///   study asks for what the model does not have.
    package init(
        _ study: Study, config: ModelConfig, provenance: () throws -> Provenance, codec: any TextCodec,
        announce: @escaping (String) -> Void
    ) throws {
        try study.check(config)
        try study.check(belongsTo: provenance)
        self.study = study
        files = DataFiles(maxSkipped: study.maxSkipped, codec: codec, say: announce)
        schedule = try StudySchedule(study, config: config, codec: codec, files: files)
    }
}
