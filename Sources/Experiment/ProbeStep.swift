package import Datasets
import OutputFiles
package import Protocol
package import StudyFile
import Tensors

/// The prompts that attention heads are probed with, and how they are computed.
package struct ProbeStep: Sendable {
    package let prober: HeadProber
    package let batches: [Batch]

    /// - Throws: `InputError`, also where a prompt would be on both sides because both are of one file; `SelectionError`
    ///   where there are too few prompts.
    package init(_ probe: Study.Probe, seed: UInt64, codec: any TextCodec, batchTokens: Int, _ files: DataFiles) throws
    {
        try Self.checkApart(probe.harmful, probe.harmless)
        prober = HeadProber(
            harmful: try probe.harmful.read(seed: seed, name: "probe harmful", files),
            harmless: try probe.harmless.read(seed: seed, name: "probe harmless", files), seed: seed, c: probe.c)
        try prober.check()
        batches = try prober.batches(codec: codec, batchTokens: batchTokens)
    }

    /// Two parts of one file may stand on the two sides, but no prompt of it on both.
    private static func checkApart(_ harmful: Study.PromptSet, _ harmless: Study.PromptSet) throws(InputError) {
        let (a, b) = (DataFile.split(harmful.file), DataFile.split(harmless.file))
        guard let node = FileNode(a.path), node == FileNode(b.path), a.column == b.column,
            harmful.range.overlaps(harmless.range)
        else { return }
        throw InputError(
            harmless.file,
            "is read for the harmful and for the harmless prompts of a probe: name two files, or parts of one that do not overlap"
        )
    }

    /// The probing of a study, with its seed and batches.
    /// - Throws: `InputError`; `SelectionError` where there are too few prompts.
    package init(_ probe: Study.Probe, study: Study, codec: any TextCodec, _ files: DataFiles) throws {
        try self.init(probe, seed: study.seed, codec: codec, batchTokens: study.batchTokens, files)
    }
}

extension Study.PromptSet {
    /// The entries of the file that are looked at.
    fileprivate var range: Range<Int> { skip..<(first.map { skip + $0 } ?? .max) }
}
