import Checkpoint
import Coordinator
import Foundation
import Selection
import Tensors
import TestSupport
import Testing

/// Files that are used together belong together, or that is said.
@Suite struct BelongingTests {
    private let folder = TemporaryFolder()
    private let model: String
    private let other: String

    init() throws {
        // Two models that differ in one weight.
        model = folder.file("one")
        other = folder.file("two")
        for path in [model, other] { try FileManager.default.copyItem(atPath: TinyModel.fixture, toPath: path) }
        let weights = URL(fileURLWithPath: "\(other)/model.safetensors")
        var bytes = [UInt8](try Data(contentsOf: weights))
        bytes[bytes.count - 1] ^= 1
        try Data(bytes).write(to: weights)
    }

    private func run(_ arguments: [String]) async -> Int32 { await CommandLineMain.run(arguments) }

    private func path(_ name: String) -> String { folder.file(name) }

    private func provenance(_ path: String) throws -> [String: String] {
        [
            Provenance.modelKey: try Checkpoint.open(path).digest(),
            Provenance.nameKey: (path as NSString).lastPathComponent,
        ]
    }

    private func scores(_ name: String, of model: String?, _ words: [String: String] = ["method": "wanda"]) throws
        -> String
    {
        let maps = WeightScores.maps(of: try Checkpoint.open(self.model).config)
        let source = ComputedScores(label: name, maps: maps) { map, values in
            for index in values.indices { values[index] = Float((index * 31 + name.utf8.count) % 1009) }
        }
        try ScoreFile.write(
            source, to: path(name), metadata: words.merging(try model.map { try provenance($0) } ?? [:]) { $1 })
        return path(name)
    }

    private func mask(_ name: String, of model: String?, layers: Int? = nil) throws -> String {
        var mask = try Selector.mask(
            of: WeightScores.random(maps: WeightScores.maps(of: try Checkpoint.open(self.model).config), seed: 7),
            percent: 5, name: "q", group: .matrix)
        if let layers { mask.maps = Array(mask.maps.prefix(layers * LinearMap.allCases.count)) }
        mask.metadata = try model.map { try provenance($0) } ?? [:]
        try mask.write(to: path(name))
        return path(name)
    }

    private func setDifference(_ safety: String, _ utility: String, force: Bool = false) async -> Int32 {
        let out = path("out-\(UUID().uuidString)")
        try? FileManager.default.removeItem(atPath: path("mask"))
        let code = await run(
            ["mask", "--safety", safety, "--utility", utility, "--q", "10", "--p", "5", "--out", out]
                + (force ? ["--force"] : []))
        if Files.exists(out) { try? FileManager.default.moveItem(atPath: out, toPath: path("mask")) }
        return code
    }

    @Test func aMaskSaysWhichModelItBelongsTo() async throws {
        let (s, u) = (try scores("s", of: model), try scores("u", of: model))
        #expect(await setDifference(s, u) == 0)
        let mask = try Mask(contentsOf: path("mask"))
        #expect(try mask.metadata[Provenance.modelKey] == Checkpoint.open(model).digest())
        #expect(mask.metadata[Provenance.nameKey] == "one")
        #expect(mask.metadata["scores"] == "wanda")
        #expect(mask.metadata[Provenance.forcedKey] == nil)
        #expect(
            await run([
                "mask", "--random", "--like", path("mask"), "--out", path("random"),
            ]) == 0)
        #expect(
            try Mask(contentsOf: path("random")).metadata[Provenance.modelKey] == mask.metadata[Provenance.modelKey])
    }

    @Test(arguments: [["method": "wanda"], ["method": "snip", "loss": "mean"], ["method": "magnitude"]])
    func scoresOfTwoModelsOrMethodsMakeNoMask(words: [String: String]) async throws {
        let base = ["method": "snip", "loss": "sum"]
        let s = try scores("s", of: model, base)
        #expect(await setDifference(s, try scores("u", of: other, base)) == 2)
        #expect(await setDifference(s, try scores("u", of: model, words)) == 2)
        #expect(!Files.exists(path("mask")))
        // All the same: and it is written down.
        #expect(await setDifference(s, try scores("u", of: other, words), force: true) == 0)
        let forced = try #require(try Mask(contentsOf: path("mask")).metadata[Provenance.forcedKey])
        #expect(forced.contains("one (digest") && forced.contains("two (digest"))
        #expect(forced.contains("snip (sum)"))
    }

    /// Files of other programs say nothing of it.
    @Test func filesWithoutASayingAreTaken() async throws {
        #expect(await setDifference(try scores("s", of: nil, [:]), try scores("u", of: model)) == 0)
        #expect(await setDifference(try scores("s", of: nil, [:]), try scores("u", of: nil, [:])) == 0)
    }

    @Test func aMaskOfAnotherSizedModelIsNoMeasure() async throws {
        let s = try scores("s", of: model)
        let like = try mask("like", of: other)
        func make(_ more: [String]) async -> Int32 {
            await run(["mask", "--safety", s, "--like", like, "--out", path("m")] + more)
        }
        #expect(await make([]) == 2)
        #expect(await make(["--force"]) == 0)
    }

    /// `export` stands for all that use a mask: they ask the same.
    @Test func aMaskIsUsedOnItsOwnModelOnly() async throws {
        let own = try mask("own", of: model)
        #expect(await run(["export", "--model", model, "--mask", own, "--out", path("x")]) == 0)
        let note = try JSON.parse([UInt8](Data(contentsOf: URL(fileURLWithPath: path("x/faultline.json")))))
        #expect(try note["base_model"]?.string == Checkpoint.open(model).digest())
        #expect(note["base_model_name"]?.string == "one")
        for file in [
            try mask("other", of: other), try mask("short", of: model, layers: 1), try mask("less", of: nil, layers: 1),
        ] {
            #expect(await run(["export", "--model", model, "--mask", file, "--out", path("y")]) == 2, "\(file)")
            #expect(!Files.exists(path("y")))
            #expect(await run(["export", "--model", model, "--mask", file, "--out", path("y"), "--force"]) == 0)
            let note = try JSON.parse([UInt8](Data(contentsOf: URL(fileURLWithPath: path("y/faultline.json")))))
            #expect(note["made_by"]?[Provenance.forcedKey]?.string?.isEmpty == false)
            try FileManager.default.removeItem(atPath: path("y"))
        }
        #expect(await run(["export", "--model", model, "--mask", try mask("any", of: nil), "--out", path("z")]) == 0)
    }

    /// Before any work: no worker is started, none is there.
    @Test(arguments: [
        "evaluate --mask", "evaluate --edit", "generate --edit", "finetune --freeze", "finetune --rewind",
    ])
    func othersAskTheSame(command: String) async throws {
        let file = try mask("other", of: other)
        folder.write("text", to: "text.txt")
        folder.write("{\"prompt\": \"a\", \"response\": \"b\"}\n", to: "pairs.jsonl")
        let words = command.split(separator: " ").map(String.init)
        let data =
            switch words[0] {
            case "evaluate": ["--perplexity", path("text.txt")]
            case "generate": ["--prompts", path("text.txt")]
            default: ["--data", path("pairs.jsonl")]
            }
        let tiny = try TinyModel.make(in: folder).model
        #expect(await run(words + [file] + data + ["--model", tiny, "--out", path("o"), "--template", "none"]) == 2)
    }

    @Test func anEditIsUsedOnItsOwnModelOnly() async throws {
        let map = WeightScores.maps(of: try Checkpoint.open(model).config)[0]
        func edit(_ name: String, of model: String?) throws -> String {
            let words = try model.map { try provenance($0) } ?? [:]
            try TensorBundle(
                metadata: words.merging(["format": LowRankEdit.format, "version": LowRankEdit.version]) { $1 },
                entries: [
                    .init(
                        name: LowRankEdit.left(map.name), type: .f32, shape: [map.rows, 1],
                        buffer: AlignedBuffer(floats: map.rows)),
                    .init(
                        name: LowRankEdit.right(map.name), type: .f32, shape: [1, map.columns],
                        buffer: AlignedBuffer(floats: map.columns)),
                ]
            ).write(safetensors: path(name))
            return path(name)
        }
        func export(_ file: String, _ more: [String] = []) async -> Int32 {
            let out = path("e-\(UUID().uuidString)")
            return await run(["export", "--model", model, "--edit", file, "--out", out] + more)
        }
        #expect(await export(try edit("own", of: model)) == 0)
        #expect(await export(try edit("none", of: nil)) == 0)
        let foreign = try edit("foreign", of: other)
        #expect(await export(foreign) == 2)
        #expect(await export(foreign, ["--adapter"]) == 2)
        #expect(await export(foreign, ["--adapter", "--force"]) == 0)
    }

    /// What weights hold is exported; what works while the model runs is not, and says so before anything is written.
    @Test func editsOfEveryKindAreUsedOnTheirOwnModelOnly() async throws {
        let config = try Checkpoint.open(model).config
        let maps = Array(WeightScores.maps(of: config).prefix(1))
        let unit = [1] + [Float](repeating: 0, count: config.hiddenSize - 1)
        func export(_ edit: any WeightEdit, of model: String, _ more: [String] = []) async throws -> Int32 {
            var edit = edit
            edit.metadata.merge(try provenance(model)) { $1 }
            try edit.bundle.write(safetensors: path("edit"))
            try Files.remove(path("made"))
            return await run(["export", "--model", self.model, "--edit", path("edit"), "--out", path("made")] + more)
        }
        let exported: [any WeightEdit] = [
            ScaledWeights(maps, by: 2), Perturbation([.init(.random(seed: 7), factor: 0.5)]),
        ]
        for edit in exported {
            #expect(try await export(edit, of: model) == 0)
            #expect(try await export(edit, of: other) == 2)
            #expect(!Files.exists(path("made")))
            #expect(try await export(edit, of: other, ["--force"]) == 0)
            #expect(try await export(edit, of: model, ["--adapter"]) == 2)
        }
        let running: [any WeightEdit] = [Steering(vectors: [0: unit], start: .lastPromptToken), Ablation(unit)]
        for edit in running {
            #expect(try await export(edit, of: model) == 2)
            #expect(!Files.exists(path("made")))
        }
    }

    @Test func masksOfTwoModelsHaveNoOverlap() async throws {
        let (a, b) = (try mask("a", of: model), try mask("b", of: other))
        #expect(await run(["overlap", a, b]) == 2)
        #expect(await run(["overlap", a, b, "--force", "--out", path("o.json")]) == 0)
        let json = try JSON.parse([UInt8](Data(contentsOf: URL(fileURLWithPath: path("o.json")))))
        #expect(json[Provenance.forcedKey]?.string?.contains("two (digest") == true)
        #expect(await run(["overlap", a, a, "--out", path("o.json")]) == 0)
    }

    /// Files of before name their model by a digest that is compared with nothing.
    @Test func filesOfVersionOneDoNotSay() throws {
        var bundle = try Mask(contentsOf: try mask("m", of: model)).bundle
        bundle.metadata["version"] = "1"
        try bundle.write(safetensors: path("old"))
        #expect(try Mask(contentsOf: path("old")).metadata[Provenance.modelKey] == nil)
        bundle.metadata["version"] = "3"
        try bundle.write(safetensors: path("new"))
        #expect(throws: SelectionError.self) { try Mask(contentsOf: path("new")) }
    }
}
