import Coordinator
import Selection
import Tensors
import TestSupport
import Testing

@Suite struct MaskCommandTests {
    let folder = TemporaryFolder()
    private let shape = WeightShape(name: "model.layers.0.mlp.up_proj.weight", rows: 10, columns: 20)

    init() throws {
        for (name, factor) in [("s", 7), ("u", 11)] {
            let scores = ComputedScores(label: name, maps: [shape]) { map, values in
                for index in values.indices { values[index] = Float(index * factor % 197) }
            }
            try ScoreFile.write(scores, to: folder.file(name), metadata: ["method": "test"])
        }
    }

    private func run(_ arguments: String...) async -> Int32 { await CommandLineMain.run(["mask"] + arguments) }

    @Test func setDifference() async throws {
        let out = folder.file("m")
        #expect(
            await run(
                "--safety", folder.file("s"), "--utility", folder.file("u"), "--q", "10", "--p", "5", "--out", out) == 0
        )
        let expected = try SetDifference.mask(
            safety: try ScoreFile(path: folder.file("s")), q: 10, utility: try ScoreFile(path: folder.file("u")), p: 5,
            group: .matrix)
        #expect(try Mask(contentsOf: out).maps == expected.maps)
    }

    @Test func topBottomAndRandomOfTheSameSize() async throws {
        #expect(await run("--safety", folder.file("s"), "--top", "--q", "10", "--out", folder.file("top")) == 0)
        #expect(await run("--safety", folder.file("s"), "--bottom", "--q", "10", "--out", folder.file("bottom")) == 0)
        #expect(await run("--random", "--like", folder.file("top"), "--seed", "3", "--out", folder.file("random")) == 0)
        let masks = try ["top", "bottom", "random"].map { try Mask(contentsOf: folder.file($0)) }
        #expect(masks.allSatisfy { $0.count == 20 })
        #expect(try masks[0].intersection(masks[1]).count == 0)
        #expect(masks[2].maps != masks[0].maps)
    }

    /// A mask of no weight is no mask: nothing is written.
    @Test func aMaskOfNoWeightIsRefused() async {
        let (safety, utility, out) = (folder.file("s"), folder.file("u"), folder.file("x"))
        #expect(await run("--safety", safety, "--q", "0.4", "--out", out) == 2)
        #expect(await run("--safety", safety, "--q", "0", "--out", out) == 2)
        #expect(await run("--safety", safety, "--q", "4", "--group", "row", "--out", out) == 2)
        #expect(await run("--safety", safety, "--utility", utility, "--q", "5", "--p", "100", "--out", out) == 2)
        #expect(await run("--safety", safety, "--q", "0.5", "--out", folder.file("one")) == 0)
        #expect(!Files.exists(out))
    }

    @Test func badInputEndsWithTwo() async {
        let safety = folder.file("s")
        #expect(await run("--safety", safety, "--q", "101", "--out", folder.file("x")) == 2)
        #expect(await run("--safety", folder.file("none"), "--q", "1", "--out", folder.file("x")) == 2)
        #expect(await run("--safety", safety, "--out", folder.file("x")) == 2)
        #expect(await run("--safety", safety, "--top", "--bottom", "--q", "1", "--out", folder.file("x")) == 2)
        #expect(!Files.exists(folder.file("x")))
    }
}
