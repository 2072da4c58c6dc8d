import Datasets
import Experiment
import Reporting
import Selection
import StudyFile
import StudyReport
import StudySupport
import Tensors
import TestSupport
import Testing

/// The study key `overlap`, from the file to the tables.
@Suite struct StudyOverlapTests {
    private let files = TemporaryFolder()
    private let model = MatrixModel(layers: 2)

    init() {
        files.write((1...9).map { "{\"prompt\": \"u\($0)\", \"response\": \"r\($0)\"}\n" }.joined(), to: "pairs.jsonl")
    }

    private func study(_ keys: String, calibrated: Bool = true) throws -> Study {
        let calibration = """
            calibration:
              safety: {pairs: pairs.jsonl, samples: 5}
              utility: {pairs: pairs.jsonl, samples: 4}
            """
        return try Study(
            yaml: """
                name: t
                model: m
                block_examples: 2
                batch_tokens: 500
                \(calibrated ? calibration : "")
                \(keys)
                conditions: [unedited]
                """, file: files.file("study.yaml"))
    }

    @Test func isRead() throws {
        let plan = try study("overlap: {p: 5, q: 2.5, rank: 10%}").overlap
        #expect(plan?.jaccard == .init(p: 5, q: 2.5))
        #expect(plan?.rank == .percent(10))
        #expect(try study("overlap: {rank: 100}").overlap?.jaccard == nil)
        #expect(try study("overlap: {p: 5, q: 5}").overlap?.rank == nil)
        #expect(try study("").overlap == nil)
    }

    @Test(arguments: [
        ("overlap: {}", "needs p and q"), ("overlap: {p: 5}", "needs both p and q"),
        ("overlap: {p: 5, q: 101}", "overlap.q = 101.0 is out of range"),
        ("overlap: {rank: x}", "is no number of ranks"),
        ("overlap: {pp: 5}", "did you mean p?"),
        ("scores: {method: magnitude}\noverlap: {p: 5, q: 5}", "knows no two data sets"),
    ])
    func badSettingsAreNamed(keys: String, words: String) {
        do {
            _ = try study(keys)
            Issue.record("\(keys) was taken")
        } catch { #expect("\(error)".contains(words), "\(error)") }
    }

    @Test func needsCalibration() {
        #expect(throws: InputError.self) { try study("overlap: {p: 5, q: 5}", calibrated: false) }
    }

    @Test func bothMeasuresAreWrittenAndShown() async throws {
        let folder = try RunFolder(files.file("run"))
        let results = try await StudyRun(
            try study("overlap: {p: 20, q: 20, rank: 1}"), runner: FakeRunner(model), codec: ByteCodec(), model: model,
            modelDigest: "digest", folder: folder, exporter: nil, announce: { _ in }
        ).run()
        #expect(results.overlaps.map(\.measure) == ["jaccard", "similarity"])
        // The same as by hand, of the run's files.
        let masks = try ["safety", "utility"].map {
            try Selector.mask(
                of: try ScoreFile(path: folder.scores($0)), percent: 20, name: "q", group: .matrix, order: .largest)
        }
        #expect(results.overlaps[0].values == (try Overlap.jaccard(masks[0], masks[1])))
        // The fake's subspaces are the same for both sides.
        #expect(results.overlaps[1].values.allSatisfy { abs($0.value - 1) < 1e-12 })
        let json = try JSON.parse(TextFile.read(folder.overlap("similarity") + ".json"))
        #expect(json["maps"]?.elements?.count == 14)
        let csv = try CSV.cells(folder.overlap("jaccard") + ".csv")
        #expect(csv.count == 14)
        let report = results.report(command: "c", versions: [])
        #expect(report.figures.map(\.id) == ["overlap-jaccard", "overlap-similarity"])
        #expect(report.tables.map(\.caption).contains("Overlap of safety and utility: φ"))
    }

    /// More than a map has, or so few that nothing is left to compare.
    @Test(arguments: ["5000", "0", "0.1%"]) func aRankThatNoMapHasIsNamed(rank: String) async throws {
        let folder = try RunFolder(files.file("run"))
        await #expect(throws: SelectionError.self) {
            try await StudyRun(
                try study("overlap: {rank: \(rank)}"), runner: FakeRunner(model), codec: ByteCodec(), model: model,
                modelDigest: "digest", folder: folder, exporter: nil, announce: { _ in }
            ).run()
        }
    }
}
