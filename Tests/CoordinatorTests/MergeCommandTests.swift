import Checkpoint
import Coordinator
import Datasets
import Selection
import StudySupport
import Tensors
import TestSupport
import Testing

/// `faultline merge` and `faultline cosine`.
@Suite struct MergeCommandTests {
    private let folder = TemporaryFolder()
    private let norm = "model.norm.weight"

    private func run(_ arguments: String...) async -> Int32 { await CommandLineMain.run(arguments) }

    /// The tiny model with a number added to every weight.
    private func model(_ name: String, plus number: Float) throws -> String {
        let source = try Checkpoint.open(TinyModel.fixture)
        try HuggingFaceExport(checkpoint: source, type: .f32).write(to: folder.file(name)) { name, rows, values in
            try source.read(name, rows: rows, into: values)
            let columns = source.shape(of: name)!.dropFirst().reduce(1, *)
            for index in 0..<rows.count * columns { values[index] += number }
        }
        return folder.file(name)
    }

    private func values(_ path: String) throws -> [Float] {
        let source = try Checkpoint.open(path)
        let count = try #require(source.shape(of: norm))[0]
        let buffer = AlignedBuffer(floats: count)
        try source.read(norm, rows: 0..<count, into: buffer.floats.baseAddress!)
        return buffer.floatArray()
    }

    @Test func aMergeIsWrittenAsAFolder() async throws {
        let (own, a, b) = (TinyModel.fixture, try model("a", plus: 1), try model("b", plus: -0.5))
        #expect(await run("merge", "--model", own, "--with", a, "--t", "0.25", "--out", folder.file("m")) == 0)
        let (w, x, y) = (try values(own), try values(a), try values(b))
        let quarter = w.indices.map { Float(Double(w[$0]) + 0.25 * (Double(x[$0]) - Double(w[$0]))) }
        #expect(try values(folder.file("m")) == quarter)
        #expect(
            await run(
                "merge", "--model", own, "--to", a, "--from", b, "--scale", "2", "--out", folder.file("n")) == 0)
        let sum = w.indices.map { Float(Double(w[$0]) + 2 * (Double(x[$0]) - Double(y[$0]))) }
        #expect(try values(folder.file("n")) == sum)
        // The other checkpoint to the bit.
        #expect(await run("merge", "--model", own, "--with", a, "--t", "1", "--out", folder.file("o")) == 0)
        #expect(try values(folder.file("o")) == x)
    }

    @Test func badMergesEndWithTwoAndWriteNothing() async throws {
        let (own, a, out) = (TinyModel.fixture, try model("a", plus: 1), folder.file("out"))
        let tied = own.replacing("/llama", with: "/llama_gqa_llama3_tied")
        for arguments in [
            ["--with", a], ["--t", "1"], ["--with", a, "--to", a, "--t", "1"], ["--with", tied, "--t", "0.5"],
            ["--with", folder.file("nowhere"), "--t", "0.5"], ["--to", a, "--share", "2"], ["--to", a, "--rescale"],
            ["--with", a, "--t", "0.5", "--scale", "3"], ["--to", a, "--seed", "7"],
            ["--with", a, "--t", "nan"], ["--to", a, "--mask", folder.file("none")],
        ] {
            let code = await CommandLineMain.run(["merge", "--model", own, "--out", out] + arguments)
            #expect(code == 2, "\(arguments)")
            #expect(!Files.exists(out))
        }
    }

    private func states(_ name: String, _ values: [Double], blocks: String = "same") throws -> String {
        let entries = ["input.10", "input.2", "norm", "output"].map { place in
            TensorBundle.Entry(
                name: "mean.harmful.\(place)", type: .f64, shape: [2, 2], buffer: AlignedBuffer(doubles: values))
        }
        let words = ["statistic": "residual_state", "option_positions": "-2,-1", "blocks": blocks]
        try TensorBundle(metadata: words, entries: entries).write(safetensors: folder.file(name))
        return folder.file(name)
    }

    @Test func cosinesStandInTheOrderOfTheModel() async throws {
        let (a, b) = (try states("a.st", [3, 4, 1, 0]), try states("b.st", [4, 3, 0, 0]))
        #expect(await run("cosine", a, b, "--out", folder.file("c.csv")) == 0)
        let rows = try CSV.cells(folder.file("c.csv"))
        #expect(
            rows.map { $0["place"] } == [
                "input.2", "input.2", "input.10", "input.10", "output", "output", "norm", "norm",
            ])
        #expect(rows.prefix(2).map { $0["position"] } == ["-2", "-1"])
        #expect(rows.prefix(2).map { $0["cosine"] } == ["0.96", ""])
        #expect(await run("cosine", a, a, "--out", folder.file("one.csv")) == 0)
        #expect(try CSV.cells(folder.file("one.csv")).allSatisfy { $0["cosine"] == "1.0" })
        // Numbers whose squares are rounded: still 1 to the bit.
        let odd = try states("odd.st", [0.1, 0.7, 1 / 3.0, 2 / 7.0])
        #expect(await run("cosine", odd, odd, "--out", folder.file("odd.csv")) == 0)
        #expect(try CSV.cells(folder.file("odd.csv")).allSatisfy { $0["cosine"] == "1.0" })
        #expect(await run("cosine", a, try states("o.st", [1, 1, 1, 1], blocks: "others")) == 2)
        #expect(await run("cosine", a) == 2)
        try TensorBundle(entries: []).write(safetensors: folder.file("e.st"))
        #expect(await run("cosine", a, folder.file("e.st")) == 2)
    }
}
