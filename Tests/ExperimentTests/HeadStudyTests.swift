import Checkpoint
import Datasets
import Experiment
import Selection
import StudyFile
import StudyReport
import StudySupport
import Tensors
import TestSupport
import Testing

/// Probing and the removal of heads through a whole study. The fake model's telling head is head 1 of layer 1.
@Suite struct HeadStudyTests {
    let files = TemporaryFolder()
    let model = MatrixModel(layers: 2)

    init() {
        files.write((0..<14).map { "harm \($0)\n" }.joined(), to: "harmful.txt")
        files.write((0..<14).map { "kind \($0)\n" }.joined(), to: "harmless.txt")
        write(conditions: "[unedited, {heads: {top: 1}}, {name: others, heads: {random: 2}}, {random: {like: heads}}]")
    }

    private func write(
        conditions: String, probe: String = "{harmful: harmful.txt, harmless: {prompts: harmless.txt, samples: 10}}"
    ) {
        files.write(
            """
            name: t
            model: m
            batch_tokens: 300
            \(probe.isEmpty ? "" : "probe: \(probe)")
            conditions: \(conditions)
            evaluation: {harmful: {prompts: harmful.txt, first: 2}, slots: 4, max_new_tokens: 20}
            """, to: "study.yaml")
    }

    private func run(_ runner: FakeRunner) async throws -> (StudyResults, RunFolder) {
        let folder = try RunFolder(files.file("run"))
        let results = try await StudyRun(
            Study(contentsOf: files.file("study.yaml")), runner: runner, codec: ByteCodec(), model: LongModel(model),
            modelDigest: "digest", folder: folder, exporter: nil, announce: { _ in }
        ).run()
        return (results, folder)
    }

    @Test func theTellingHeadIsFoundAndRemoved() async throws {
        let runner = FakeRunner(model)
        let (results, folder) = try await run(runner)
        let ranking = try #require(results.probe).ranking
        #expect(ranking.count == 4)
        #expect([ranking[0].layer, ranking[0].head] == [1, 1])
        #expect(ranking[0].accuracy == 1)
        #expect(results.probe?.split.training.count == 17)
        let mask = try Mask(contentsOf: folder.mask("heads"))
        #expect(mask.maps == (try HeadMask.mask(of: [3], in: model.config)).maps)
        #expect(runner.seen.edits["heads"]?.maps == mask.maps)
        // Two of four heads; as many weights of each projection as another condition takes.
        #expect(try Mask(contentsOf: folder.mask("others")).count == 16)
        #expect(try Mask(contentsOf: folder.mask("random")).maps.map { $0.bits.count } == [0, 8])
        #expect(results.conditions[1].zeroed == 8)
        // Probed before anything is edited.
        #expect(runner.seen.log.first?.hasPrefix("head outputs") == true)
        #expect(runner.seen.log.first?.hasSuffix("[none]") == true)
        // The probe's prompts are among those evaluated.
        #expect(results.warnings.contains { $0.contains("2 of 2 harmful prompts") })
    }

    @Test func oneFileStandsOnOneSideOnly() throws {
        let files = DataFiles(maxSkipped: 0, codec: ByteCodec()) { _ in }
        func probe(_ harmful: Range<Int>?, _ harmless: Range<Int>?, _ name: String) throws {
            func set(_ file: String, _ part: Range<Int>?) -> Study.PromptSet {
                var set = Study.PromptSet(file: file)
                if let part { (set.skip, set.first) = (part.lowerBound, part.count) }
                return set
            }
            _ = try ProbeStep(
                Study.Probe(harmful: set(self.files.file("harmful.txt"), harmful), harmless: set(name, harmless)),
                seed: 1, codec: ByteCodec(), batchTokens: 300, files)
        }
        let (same, other) = (self.files.file("./harmful.txt"), self.files.file("harmless.txt"))
        #expect(throws: InputError.self) { try probe(nil, nil, same) }
        #expect(throws: InputError.self) { try probe(0..<8, 7..<14, same) }
        try probe(0..<7, 7..<14, same)
        try probe(nil, nil, other)
    }

    @Test func outputsNameTheHeads() async throws {
        let (results, folder) = try await run(FakeRunner(model))
        try results.write(to: folder, command: "c", versions: [])
        let json = try JSON.parse(TextFile.read(folder.probe))
        #expect(json["heads"]?.elements?.count == 4)
        #expect(json["heads"]?.elements?.first?["layer"]?.int == 1)
        #expect(json["training_prompts"]?.int == 17)
        #expect(json["test_prompts"]?.int == 7)
        #expect(!Files.exists(folder.probe + ".features"))
        let report = String(decoding: try TextFile.read(folder.report), as: UTF8.self)
        #expect(report.contains("Attention heads by probe accuracy"))
        #expect(report.contains("without 2 random attention heads"))
    }

    @Test func randomHeadsNeedNoProbe() async throws {
        write(conditions: "[unedited, {heads: {random: 3}}]", probe: "")
        let (results, _) = try await run(FakeRunner(model))
        #expect(results.conditions[1].zeroed == 24)
        #expect(results.probe == nil)
    }

    @Test func moreHeadsThanThereAre() async throws {
        write(conditions: "[unedited, {heads: {top: 5}}]")
        let runner = FakeRunner(model)
        await #expect(throws: InputError("condition heads", "5 heads were asked for, the model has 4")) {
            try await run(runner)
        }
        #expect(runner.seen.log.isEmpty)
    }

    @Test(arguments: [
        (
            "[unedited, {heads: {top: 1, random: 1}}]",
            "dir/s.yaml:3: conditions[1].heads needs exactly one of top, bottom, random"
        ),
        ("[unedited, {heads: {top: 0}}]", "dir/s.yaml:3: conditions[1].heads.top = 0 is out of range: 1 to 1000000"),
        ("[unedited, {heads: {top: 1}}]", "dir/s.yaml:1: probe is missing: condition heads needs the heads' ranking"),
    ])
    func faultsNameFileLineAndKey(conditions: String, message: String) {
        let fault = #expect(throws: InputError.self) {
            try Study(yaml: "model: m\nname: x\nconditions: \(conditions)\n", file: "dir/s.yaml")
        }
        #expect(fault?.description == message)
    }

    @Test func theLeastTellingHeads() throws {
        let split = try HeadProbe.Split([true, true, false, false], seed: 1)
        let heads = [0.5, 0.75, 0.5, 1].enumerated().map { index, accuracy in
            HeadProbe.Head(layer: index / 2, head: index % 2, accuracy: accuracy, trainingAccuracy: 1)
        }
        let probe = HeadProbe(heads: heads, split: split)
        let bottom = try HeadSelection.bottom(2).mask(probe, in: model.config, seed: 1)
        #expect(bottom.maps == (try HeadMask.mask(of: [0, 2], in: model.config)).maps)
        let top = try HeadSelection.top(2).mask(probe, in: model.config, seed: 1)
        #expect(top.maps == (try HeadMask.mask(of: [1, 3], in: model.config)).maps)
    }
}
