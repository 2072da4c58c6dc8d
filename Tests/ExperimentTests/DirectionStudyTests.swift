import Caching
import Checkpoint
import Experiment
import Foundation
import Planning
import Selection
import StudyFile
import StudyReport
import StudySupport
import Tensors
import TestSupport
import Testing

/// A direction as a condition: read, refused, made of a file or a statistic, written, exported, cached, planned.
@Suite struct DirectionStudyTests {
    let files = TemporaryFolder()
    let model = LongModel(MatrixModel(layers: 2))
    private var width: Int { model.config.hiddenSize }

    init() throws {
        files.write("harm a\nharm b\n", to: "harmful.txt")
        files.write("kind a\nkind b\n", to: "harmless.txt")
        try direction().bundle.write(safetensors: files.file("d.safetensors"))
    }

    private func direction(layers: Int = 2, model: String = "digest") throws -> ResidualDirection {
        try ResidualDirection(
            difference: [3, 0, 4, 0], layer: 1, position: -1, layerCount: layers,
            metadata: [Provenance.modelKey: model, Provenance.nameKey: "m"])
    }

    private func study(_ conditions: String, more: String = "") throws(InputError) -> Study {
        try Study(
            yaml: """
                model: m
                conditions: [unedited, \(conditions)]
                evaluation: {harmful: harmful.txt, harmless: harmless.txt, max_new_tokens: 4, slots: 2}
                \(more)
                """, file: files.file("s.yaml"))
    }

    private static let statistics =
        "statistics: [{name: d, statistic: residual_state, harmful: harmful.txt, harmless: harmless.txt, positions: [-2, -1]}]"

    private func run(_ study: Study, in folder: String, cached: Bool = false) async throws -> (
        runner: FakeRunner, folder: RunFolder, results: StudyResults
    ) {
        try await files.carryOut(study, FakeRunner(MatrixModel(layers: 2)), model: model, in: folder, cached: cached)
    }

    private func made(_ settings: String) async throws -> any WeightEdit {
        let done = try await run(try study("{name: s, direction: \(settings)}"), in: UUID().uuidString)
        return try #require(done.runner.seen.all["s"])
    }

    @Test func itsSettingsAreRead() throws {
        let conditions = try study(
            "{direction: {edit: orthogonalise, file: d.safetensors, strength: [0.5, 1], embedding: tensor}}"
        ).conditions.dropFirst()
        #expect(conditions.map(\.name) == ["direction-strength0.5", "direction-strength1"])
        let method = try #require(conditions.first?.method as? DirectionMethod)
        #expect(method.kind == .orthogonalise && method.strength == 0.5 && method.embedding == .tensor)
        #expect(method.source == .file(files.file("d.safetensors")))
        #expect(
            method.title
                == "direction of d.safetensors taken out of the weights × 0.5, the embedding's tensor included")
        let other = try study("{direction: {edit: add, statistic: d, layer: 1}}", more: Self.statistics)
        #expect(other.conditions[1].method.title == "direction of statistic d at block 1, position -1 added")
    }

    @Test(arguments: [
        ("{file: d}", "conditions[1].direction.edit is missing"),
        ("{edit: remove, file: d}", "conditions[1].direction.edit = remove is unknown"),
        ("{edit: add, file: d, statistic: d}", "conditions[1].direction has either file or statistic, not both"),
        ("{edit: add, statistic: d}", "conditions[1].direction.layer is missing"),
        ("{edit: add, file: d, layer: 1}", "conditions[1].direction.layer goes with statistic"),
        ("{edit: add, file: d, embedding: none}", "conditions[1].direction.embedding goes with edit: orthogonalise"),
        (
            "{edit: add, statistic: e, layer: 1}",
            "conditions direction: direction.statistic = e is no statistic residual_state of this study"
        ),
        (
            "{edit: add, statistic: d, layer: 1, position: -3}",
            "conditions direction: direction.position = -3 is none of statistic d"
        ),
        (
            "{edit: ablate}",
            "conditions direction: direction names neither file nor statistic, and the study has no refusal_direction"
        ),
    ]) func whatItDoesNotKnowIsRefused(_ settings: String, _ words: String) {
        let error = #expect(throws: InputError.self) { try study("{direction: \(settings)}", more: Self.statistics) }
        #expect(error?.fault.contains(words) == true, "\(error?.description ?? "")")
    }

    @Test(arguments: [
        ("ablate", "weights alone do not hold what ablate does; orthogonalise writes it into them"),
        ("add", "weights alone do not hold what add does"),
        ("orthogonalise, strength: 0", "whose strength is 0"),
    ]) func onlyWeightsAreExported(_ settings: String, _ words: String) {
        let error = #expect(throws: InputError.self) {
            try study("{direction: {file: d.safetensors, edit: \(settings)}}", more: "export: [direction]")
        }
        #expect(error?.fault.contains(words) == true, "\(error?.description ?? "")")
    }

    @Test func aDirectionOfAnotherModelIsRefusedBeforeAnyWork() throws {
        let study = try study("{direction: {edit: ablate, file: d.safetensors}}")
        try study.check(model.config)
        #expect { try study.check(MatrixModel(layers: 3).config) } throws: {
            "\($0)".contains("a direction of a model with hidden size 4 and 2 blocks; this one has 4 and 3")
        }
        try study.check(belongsTo: { Provenance(model: "digest", name: "n") })
        #expect { try study.check(belongsTo: { Provenance(model: "other", name: "n") }) } throws: {
            "\($0)".hasSuffix("a direction of m (digest digest…); the study's model is n (digest other…)")
        }
        let beyond = try self.study("{direction: {edit: add, statistic: d, layer: 2}}", more: Self.statistics)
        #expect { try beyond.check(model.config) } throws: {
            "\($0)".contains("direction.layer = 2 is none of the model's 2 blocks")
        }
    }

    @Test func everyEditIsMadeOfTheFile() async throws {
        let ablation = try #require(try await made("{edit: ablate, file: d.safetensors, strength: 0.25}") as? Ablation)
        #expect(ablation.direction == [0.6, 0, 0.8, 0] && ablation.strength == 0.25)
        let added = try #require(try await made("{edit: add, file: d.safetensors, strength: 2}") as? Steering)
        #expect(added.inputs == [1: [6, 0, 8, 0]] && added.vectors.isEmpty && added.start == .position(0))
        let less = try #require(try await made("{edit: subtract, file: d.safetensors}") as? Steering)
        #expect(less.inputs == [1: [-3, 0, -4, 0]])
        // The fake's model has no embedding.
        let factors = try #require(
            try await made("{edit: orthogonalise, file: d.safetensors, embedding: none}") as? LowRankEdit)
        #expect(factors.maps.count == 4 && factors.metadata["embedding"] == "none")
    }

    @Test func itsFileIsTheEditAndItsAnswersAreCached() async throws {
        let study = try study("{direction: {edit: ablate, file: d.safetensors}}")
        let first = try await run(study, in: "one", cached: true)
        let file = first.folder.edit("direction")
        let written = try Ablation(bundle: try TensorBundle(safetensors: file), source: file)
        #expect(written.metadata["condition"] == "direction" && written.metadata["model"] == "digest")
        let second = try await run(study, in: "two", cached: true)
        #expect(second.runner.seen.log == [])
        #expect(second.results.csv() == first.results.csv())
        let other = try await run(
            try self.study("{direction: {edit: ablate, file: d.safetensors, strength: 0.5}}"), in: "three",
            cached: true)
        #expect(other.runner.seen.log.contains { $0.hasSuffix("[direction]") })

        let plan = try files.work(study, model: model, cached: true)
        #expect(plan.steps.filter { $0.condition == "direction" }.allSatisfy { $0.isKnown })
    }

    @Test func strengthZeroIsMarked() async throws {
        let done = try await run(try study("{direction: {edit: add, file: d.safetensors, strength: 0}}"), in: "zero")
        #expect(done.results.conditions[1].remark == .changesNothing("its vectors are zero"))
    }

    /// Of a tied model the folder has a head of its own, which is the checkpoint's.
    @Test(arguments: ["qwen2", "llama"]) func anExportKeepsTheHead(_ name: String) throws {
        let folder = URL(fileURLWithPath: TinyModel.fixture).deletingLastPathComponent().path
        let source = try Checkpoint.open("\(folder)/\(name)")
        var unit = [Float](repeating: 0, count: source.config.hiddenSize)
        (unit[0], unit[3]) = (0.6, -0.8)
        func weights(_ model: Checkpoint, _ name: String) throws -> [Float] {
            let shape = try #require(model.shape(of: name))
            let buffer = AlignedBuffer(floats: shape.reduce(1, *), zeroed: false)
            try model.read(name, rows: 0..<shape[0], into: buffer.floats.baseAddress!)
            return buffer.floatArray()
        }
        let head = source.config.tiedEmbeddings ? ModelConfig.embeddingName : ModelConfig.headName
        for embedding in Orthogonalisation.Embedding.allCases {
            let edit = try Orthogonalisation.edit(unit, embedding: embedding, of: source)
            let path = files.file("\(name)-\(embedding)")
            try FolderExporter(source).export(edit, to: path)
            let copy = try Checkpoint.open(path)
            let isTied = source.config.tiedEmbeddings && embedding != .input
            #expect(copy.config.tiedEmbeddings == isTied, "\(embedding)")
            if !isTied { #expect(try weights(copy, ModelConfig.headName) == weights(source, head)) }
            let rows = try weights(copy, ModelConfig.embeddingName)
            let before = try weights(source, ModelConfig.embeddingName)
            #expect((rows == before) == (embedding == .none))
            let columns = unit.count
            let component = (0..<columns).reduce(0) { $0 + unit[$1] * rows[5 * columns + $1] }
            #expect((abs(component) < 1e-6) == (embedding != .none))
            try FolderExporter(source).exportAdapter(edit, to: path + "-adapter")
        }
    }
}
