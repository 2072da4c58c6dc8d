package import Datasets
package import Protocol
package import StudyFile

/// The prompts that attention heads are probed with, and how they are computed.
package struct ProbeStep: Sendable {
    package let prober: HeadProber
    package let batches: [Batch]

    /// - Throws: `InputError`; `SelectionError` where there are too few prompts.
    package init(_ probe: Study.Probe, seed: UInt64, codec: any TextCodec, batchTokens: Int, _ files: DataFiles) throws
    {
        prober = HeadProber(
            harmful: try probe.harmful.read(seed: seed, name: "probe harmful", files),
            harmless: try probe.harmless.read(seed: seed, name: "probe harmless", files), seed: seed, c: probe.c)
        try prober.check()
        batches = try prober.batches(codec: codec, batchTokens: batchTokens)
    }

    /// The probing of a study, with its seed and batches.
    /// - Throws: `InputError`; `SelectionError` where there are too few prompts.
    package init(_ probe: Study.Probe, study: Study, codec: any TextCodec, _ files: DataFiles) throws {
        try self.init(probe, seed: study.seed, codec: codec, batchTokens: study.batchTokens, files)
    }
}
