import Checkpoint
import Coordinator
import Datasets
import Experiment
import Selection
import StudySupport
import Tensors
import TestSupport
import Testing

@Suite struct OverlapCommandTests {
    private let folder = TemporaryFolder()

    private func run(_ arguments: String...) async -> Int32 { await CommandLineMain.run(["overlap"] + arguments) }

    private func mask(_ name: String, _ chosen: [Int]) throws -> String {
        var bits = BitSet(size: 12)
        for index in chosen { bits[index] = true }
        let shape = WeightShape(name: "model.layers.3.mlp.down_proj.weight", rows: 3, columns: 4)
        try Mask(maps: [.init(shape: shape, bits: bits)]).write(to: folder.file(name))
        return folder.file(name)
    }

    @Test func masksGiveJaccardAsJSONAndCSV() async throws {
        let (a, b) = (try mask("a", [0, 1, 2]), try mask("b", [2, 3]))
        #expect(await run(a, b, "--out", folder.file("o.json")) == 0)
        let json = try JSON.parse(TextFile.read(folder.file("o.json")))
        #expect(json["measure"]?.string == "jaccard")
        let first = json["maps"]?.elements?.first
        #expect(first?["layer"]?.int == 3)
        #expect(first?["map"]?.string == "mlp.down_proj")
        #expect(first?["value"]?.double == 0.25)
        #expect(await run(a, b, "--out", folder.file("o.csv")) == 0)
        let csv = try CSV.cells(folder.file("o.csv"))
        #expect(csv.map { $0["value"] } == ["0.25"])
        #expect(csv.map { $0["size_a"] } == ["3"])
    }

    @Test func badInputEndsWithTwo() async throws {
        let a = try mask("a", [0])
        #expect(await run(a) == 2)
        #expect(await run(a, folder.file("none")) == 2)
        #expect(await run(a, a, "--rank", "3") == 2)
        #expect(await run(a, a, "--rank", "300%") == 2)
        try TensorBundle(metadata: ["format": "faultline-scores"], entries: []).write(safetensors: folder.file("s"))
        #expect(await run(a, folder.file("s")) == 2)
    }

    @Test func theStandardRankIsThePapersWhereItMeansTheSame() {
        func maps(_ ranks: [Int]) -> [WeightShape] { ranks.map { WeightShape(name: "m\($0)", rows: $0, columns: 900) } }
        #expect(OverlapTable.standardRank(maps([512, 512])) == .count(100))
        #expect(OverlapTable.standardRank(maps([512, 128])) == .percent(2.5))
        #expect(OverlapTable.standardRank(maps([64, 64])) == .percent(2.5))
    }

    @Test func subspaceCommandsSayWhatIsMissing() async {
        for arguments in [
            ["find", "--model", "m", "--data", "d", "--out", "o", "--rank", "120%"],
            ["find", "--model", "/nowhere", "--data", "/nowhere", "--out", "o"],
            ["edit", "--model", "m", "--safety", "s", "--out", "o"],
            ["edit", "--model", "m", "--safety", "s", "--out", "o", "--top", "1", "--keep", "1"],
            ["edit", "--model", "m", "--safety", "s", "--utility", "u", "--out", "o", "--top", "1"],
            ["edit", "--model", "m", "--safety", "s", "--utility", "u", "--out", "o", "--utility-rank", "1"],
            ["edit", "--model", "m", "--safety", "s", "--out", "o", "--safety-rank", "1"],
        ] { #expect(await CommandLineMain.run(["subspace"] + arguments) == 2, "\(arguments)") }
        #expect(await CommandLineMain.run(["export", "--model", "m", "--out", "o"]) == 2)
        #expect(await CommandLineMain.run(["export", "--model", "m", "--mask", "x", "--adapter", "--out", "o"]) == 2)
    }
}
