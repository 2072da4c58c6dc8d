import Checkpoint
import Experiment
import ModelService
import Protocol
import Reporting
import Selection
import StudyFile
import StudyReport
import StudySupport
import Tensors
import TestSupport
import Testing

/// Conditions at the level of ranks, from the study file to the table.
@Suite struct StudyRanksTests {
    private let files = TemporaryFolder()
    private let model = MatrixModel(layers: 2)

    private static func text(_ conditions: String) -> String {
        """
        name: t
        model: m
        block_examples: 2
        batch_tokens: 500
        calibration:
          safety: {pairs: pairs.jsonl, samples: 5}
          utility: {pairs: pairs.jsonl, samples: 4}
        conditions:
          - unedited
        \(conditions)
        """
    }

    private func study(_ conditions: String) throws -> Study {
        try Study(yaml: Self.text(conditions), file: files.file("study.yaml"))
    }

    init() {
        files.write((1...9).map { "{\"prompt\": \"u\($0)\", \"response\": \"r\($0)\"}\n" }.joined(), to: "pairs.jsonl")
    }

    private func run(_ conditions: String, _ runner: FakeRunner, in folder: String = "run") async throws
        -> (StudyResults, RunFolder)
    {
        let folder = try RunFolder(files.file(folder))
        let results = try await StudyRun(
            try study(conditions), runner: runner, codec: ByteCodec(), model: model, modelDigest: "digest",
            folder: folder, exporter: nil, announce: { _ in }
        ).run()
        return (results, folder)
    }

    @Test func conditionsAreRead() throws {
        let study = try study(
            """
              - actsvd_top: {rank: 1}
              - actsvd_keep: {rank: 25%, of: utility}
              - actsvd_bottom: {rank: 2.5%}
              - orthogonal_projection: {r_u: 50%, r_s: 1}
              - random: {like: orthogonal_projection}
            """)
        #expect(
            study.conditions.dropFirst().prefix(4).map { $0.method as? LowRankMethod } == [
                .init(.removeTop(.count(1)), side: .safety), .init(.keepTop(.percent(25)), side: .utility),
                .init(.removeBottom(.percent(2.5)), side: .safety),
                .init(.orthogonalProjection(utility: .percent(50), safety: .count(1)), side: .safety),
            ])
        #expect(study.conditions.last?.imitated == "orthogonal_projection")
        #expect(study.conditions[2].method.title == "ActSVD, top 25.0% ranks kept by utility")
        #expect(study.conditions[4].method.title == "orthogonal projection r_u=50.0% r_s=1")
    }

    @Test(arguments: [
        ("  - actsvd_top: {rank: many}", "rank = many is no number of ranks"),
        ("  - actsvd_top: {rank: 100%}", "rank = 100% is no number of ranks"),
        ("  - actsvd_top: {rank: -3}", "rank = -3 is no number of ranks"),
        ("  - actsvd_top: {of: safety}", "actsvd_top.rank is missing"),
        ("  - actsvd_top: {rank: 1, of: both}", "= both is unknown"),
        ("  - orthogonal_projection: {r_u: 1}", "orthogonal_projection.r_s is missing"),
        ("  - orthogonal_projection: {ru: 1, r_s: 2}", "did you mean r_u?"),
        ("  - actsvd_topp: {rank: 1}", "did you mean actsvd_top?"),
        ("  - random: {like: none}", "no earlier condition with a mask or of ranks"),
    ])
    func badSettingsAreNamed(condition: String, words: String) {
        let error = #expect(throws: InputError.self) { try study(condition) }
        #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
    }

    /// The tiny model's k and v have rank 2, its others 4.
    @Test func ranksBeyondAMapAreRefusedByNameBeforeAnyWork() async throws {
        let runner = FakeRunner(model)
        await #expect(
            throws: SelectionError.rank(
                map: "model.layers.0.self_attn.k_proj.weight", name: "r_s", value: 2, limit: 2)
        ) { try await run("  - orthogonal_projection: {r_u: 1, r_s: 2}", runner) }
        #expect(runner.seen.log.isEmpty)
    }

    @Test func onePassServesScoresAndEveryRank() async throws {
        let runner = FakeRunner(model)
        let (results, folder) = try await run(
            """
              - set_difference: {p: 20, q: 20}
              - actsvd_top: {rank: 1}
              - name: narrow
                orthogonal_projection: {r_u: 1, r_s: 1}
              - name: wide
                orthogonal_projection: {r_u: 50%, r_s: 50%}
              - random: {like: narrow}
            """, runner)
        // One request a data set, for both statistics.
        #expect(
            runner.seen.requests.map(\.statistics)
                == Array(repeating: [.absoluteGradient(.mean), .secondMoments], count: 2))
        #expect(
            runner.seen.log.map { $0.split(separator: "[")[0] }.filter { $0.hasPrefix("score") || $0.hasPrefix("comp") }
                == [
                    "score ", "compute subspaces ", "compute subspaces ", "compute ActSVD, top 1 ranks removed ",
                    "compute orthogonal projection r_u=1 r_s=1 ",
                    "compute orthogonal projection r_u=50.0% r_s=50.0% ", "compute random ranks ",
                ])
        let byName = Dictionary(uniqueKeysWithValues: results.conditions.map { ($0.name, $0) })
        // One rank of each of 14 maps; all maps together have 2 · (4 · 5 + 2 · 2).
        #expect(byName["actsvd_top"]?.ranks == 14)
        #expect(byName["actsvd_top"]?.rankFraction == 14.0 / 48)
        #expect(byName["random"]?.ranks == byName["narrow"]?.ranks)
        #expect(byName["set_difference"]?.ranks == 0)
        #expect(results.table().columns.map(\.title).prefix(3) == ["condition", "zeroed %", "ranks %"])
        let edit = try LowRankEdit(contentsOf: folder.edit("narrow"))
        #expect(edit.maps.count == 14)
        #expect(edit.metadata["condition"] == "narrow")
        #expect(runner.seen.lowRanks["narrow"]?.rank == edit.rank)
        #expect(Set(runner.seen.lowRanks.keys) == ["actsvd_top", "narrow", "wide", "random"])
    }

    /// Started again, what is on disk is not computed again; other data are.
    @Test func subspacesAreTakenOver() async throws {
        let condition = "  - actsvd_top: {rank: 1}"
        _ = try await run(condition, FakeRunner(model))
        let again = FakeRunner(model)
        _ = try await run(condition, again)
        #expect(!again.seen.log.contains { $0.hasPrefix("score") || $0.hasPrefix("compute subspaces") })
        files.write((1...9).map { "{\"prompt\": \"v\($0)\", \"response\": \"r\"}\n" }.joined(), to: "pairs.jsonl")
        let other = FakeRunner(model)
        _ = try await run(condition, other)
        #expect(other.seen.log.contains { $0.hasPrefix("score [\"safety 3\"]") })
        #expect(other.seen.log.contains { $0.hasPrefix("compute subspaces") })
    }

    /// Every block is scored with all blocks before it edited, and none after.
    @Test func blocksFollowEachOther() async throws {
        let runner = FakeRunner(model)
        let (results, folder) = try await run(
            """
              - name: weights
                order: sequential
                set_difference: {p: 20, q: 20}
              - name: ranks
                order: sequential
                orthogonal_projection: {r_u: 1, r_s: 1}
            """, runner)
        let work = runner.seen.log.filter { $0.hasPrefix("score") || $0.hasPrefix("comp") }
        let both = "score [\"safety 3\", \"utility 2\"]"
        let projection = "compute orthogonal projection r_u=1 r_s=1"
        #expect(
            work == [
                "\(both) [none]", "\(both) [weights]",
                "\(both) [none]", "compute subspaces [none]", "compute subspaces [none]", "\(projection) [none]",
                "\(both) [ranks]", "compute subspaces [ranks]", "compute subspaces [ranks]", "\(projection) [ranks]",
            ])
        #expect(
            runner.seen.requests.map(\.statistics) == Array(repeating: [.secondMoments.ofLayer(1)], count: 2))
        let mask = try Mask(contentsOf: folder.mask("weights"))
        #expect(mask.maps.map(\.shape) == WeightScores.maps(of: model.config))
        #expect(mask.metadata["order"] == "sequential")
        #expect(try LowRankEdit(contentsOf: folder.edit("ranks")).maps.count == 14)
        #expect(results.conditions.map(\.method)[1].hasSuffix("block by block"))
        #expect(!Files.exists(folder.blocks("weights")) && !Files.exists(folder.blocks("ranks")))
        // What is finished is taken over.
        let again = FakeRunner(model)
        _ = try await run(
            """
              - name: weights
                order: sequential
                set_difference: {p: 20, q: 20}
            """, again)
        #expect(!again.seen.log.contains { $0.hasPrefix("score") })
    }

    @Test(arguments: [
        ("set_difference: {p: 1, q: 1, group: model}", "order = sequential edits block by block, and group: model"),
        ("random: {like: x}", "order = sequential goes with what data decide, not with random"),
        ("top: {q: 1}\n    orderr: sequential", "did you mean order?"),
    ])
    func ordersThatMakeNoSenseAreNamed(method: String, words: String) {
        let error = #expect(throws: InputError.self) {
            try study("  - name: x\n    order: sequential\n    \(method)")
        }
        #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
    }

    /// What is sent for a projection: as few directions as say it.
    @Test func operandsAreTheChosenDirections() async throws {
        let runner = FakeRunner(model)
        _ = try await run("  - orthogonal_projection: {r_u: 1, r_s: 1}", runner)
        let sent = try #require(runner.seen.operands.last)
        let q = "model.layers.1.self_attn.q_proj.weight"
        #expect(sent.filter { $0.contains(q) } == ["0.complement.\(q) [1, 4]", "1.span.\(q) [1, 4]"])
    }
}
