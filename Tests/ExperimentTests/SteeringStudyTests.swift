import Caching
import Checkpoint
import Experiment
import Foundation
import Planning
import Selection
import StudyFile
import StudyReport
import StudySupport
import Synchronization
import Tensors
import TestSupport
import Testing

/// Steering as a condition: read, refused, made of a file or a statistic, gated, written, cached, planned.
@Suite struct SteeringStudyTests {
    let files = TemporaryFolder()
    let model = LongModel(MatrixModel(layers: 2))
    private var width: Int { model.config.hiddenSize }

    init() throws {
        files.write("harm a\nharm b\n", to: "harmful.txt")
        files.write("kind a\nkind b\n", to: "harmless.txt")
        files.write("harm b\nkind a\nother\n", to: "some.txt")
        try vectors([0: 1, 1: 2]).write(safetensors: files.file("v.safetensors"))
    }

    private func vectors(_ values: [Int: Float]) -> TensorBundle {
        TensorBundle(
            entries: values.sorted { $0.key < $1.key }.map { layer, value in
                let vector = [Float](repeating: value, count: width)
                return .init(name: "vector.\(layer)", type: .f32, shape: [width], buffer: AlignedBuffer(vector))
            })
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

    private func made(_ condition: String, more: String = "") async throws -> Steering {
        let done = try await run(try study("{name: s, steer: \(condition)}", more: more), in: UUID().uuidString)
        return try #require(done.runner.seen.all["s"] as? Steering)
    }

    @Test func itsSettingsAreRead() throws {
        let conditions = try study(
            "{steer: {vectors: v.safetensors, alpha: [0.5, 2], layers: [1, 0], from: 3, gate: harmful}}"
        ).conditions.dropFirst()
        #expect(conditions.map(\.name) == ["steer-alpha0.5", "steer-alpha2"])
        let method = try #require(conditions.last?.method as? SteeringMethod)
        #expect(method.alpha == 2 && method.layers == [0, 1] && method.start == .position(3))
        #expect(method.gate == .harmful && method.source == .file(files.file("v.safetensors")))
        #expect(method.title == "steered by v.safetensors × 2, blocks 0 1, from position 3, harmful prompts")
        let plain = try #require(try study("{steer: {statistic: d}}", more: Self.statistics).conditions.last?.method)
        #expect(plain.title == "steered by statistic d at -1 × 1, from the last prompt token")
    }

    @Test(arguments: [
        ("{steer: {alpha: 1}}", "conditions[1].steer needs either vectors (a file) or statistic (a name)"),
        ("{steer: {vectors: v, position: -1}}", "conditions[1].steer.position goes with statistic, not with vectors"),
        (
            "{steer: {vectors: v, layers: [1, 1]}}",
            "conditions[1].steer.layers has to be a list of different block numbers from 0"
        ),
        (
            "{steer: {vectors: v, from: end}}",
            "conditions[1].steer.from = end is neither last_prompt nor a position from 0"
        ),
        (
            "{steer: {statistic: e}}",
            "conditions steer: steer.statistic = e is no statistic residual_state of this study"
        ),
        ("{steer: {statistic: d, position: -3}}", "conditions steer: steer.position = -3 is none of statistic d"),
        (
            "{steer: {vectors: v}, order: sequential}",
            "conditions[1].order = sequential goes with what data decide, not with steered by v × 1, from the last prompt token"
        ),
    ]) func whatItDoesNotKnowIsRefused(_ condition: String, _ words: String) {
        let error = #expect(throws: InputError.self) { try study(condition, more: Self.statistics) }
        #expect(error?.fault.contains(words) == true, "\(error?.description ?? "")")
    }

    @Test func aSteeredModelIsNoExport() {
        let error = #expect(throws: InputError.self) {
            try study("{steer: {vectors: v.safetensors}}", more: "export: [steer]")
        }
        #expect(error?.fault == "export names steer: weights alone do not hold what steering does")
    }

    @Test(arguments: [
        ("{vectors: v.safetensors, layers: [2]}", "block 2 was asked for"),
        ("{vectors: wide.safetensors}", "shape [3] where"),
        ("{vectors: none.safetensors}", "none.safetensors"),
        ("{vectors: harmful.txt}", "harmful.txt"),
        ("{vectors: v.safetensors, gate: nowhere.txt}", "nowhere.txt"),
    ]) func itsFilesAreReadBeforeAnyWork(_ settings: String, _ words: String) async throws {
        let wide = TensorBundle(entries: [
            .init(name: "vector.0", type: .f32, shape: [3], buffer: AlignedBuffer([Float(1), 2, 3]))
        ])
        try wide.write(safetensors: files.file("wide.safetensors"))
        let study = try study("{steer: \(settings)}")
        #expect { try study.check(model.config) } throws: { "\($0)".contains(words) }
    }

    @Test func alphaIsInTheVectorsAndTheGateHasEveryWayAPromptIsPut() async throws {
        let codec = ByteCodec()
        let all = try await made("{vectors: v.safetensors, alpha: -0.5, layers: 1}")
        #expect(all.vectors == [1: [Float](repeating: -1, count: width)])
        #expect(all.gate == nil && all.start == .lastPromptToken)
        #expect(
            try await made("{vectors: v.safetensors, gate: harmful}").gate == [
                codec.prompt("harm a"), codec.prompt("harm b"),
            ])
        #expect(
            try await made("{vectors: v.safetensors, gate: some.txt}").gate == [
                codec.prompt("harm b"), codec.prompt("kind a"),
            ])
    }

    /// The fake's sums are all 1: of two prompts of either kind the means are alike, and the difference is 0.
    @Test func aStatisticGivesTheDifferenceOfItsMeans() async throws {
        let steering = try await made("{statistic: d}", more: Self.statistics)
        #expect(steering.vectors == [0: [Float](repeating: 0, count: width), 1: [Float](repeating: 0, count: width)])
        let zero = try await run(try study("{steer: {statistic: d}}", more: Self.statistics), in: "zero")
        #expect(zero.results.conditions[1].remark == .changesNothing("its vectors are zero"))
    }

    @Test func itsFileIsTheEditAndItsAnswersAreCached() async throws {
        let study = try study("{steer: {vectors: v.safetensors, from: 1}}")
        let first = try await run(study, in: "one", cached: true)
        let file = first.folder.edit("steer")
        let written = try Steering(bundle: try TensorBundle(safetensors: file), source: file)
        #expect(written.vectors[1] == [Float](repeating: 2, count: width) && written.start == .position(1))
        #expect(written.metadata["condition"] == "steer" && written.metadata["model"] == "digest")
        #expect(first.runner.seen.log.contains { $0.hasSuffix("[steer]") })
        let second = try await run(study, in: "two", cached: true)
        #expect(second.runner.seen.log == [])
        #expect(second.results.csv() == first.results.csv())
        // Another alpha is another model.
        let other = try await run(
            try self.study("{steer: {vectors: v.safetensors, from: 1, alpha: 2}}"), in: "three", cached: true)
        #expect(other.runner.seen.log.contains { $0.hasSuffix("[steer]") })

        let plan = try files.work(study, model: model, cached: true)
        #expect(plan.steps.filter { $0.condition == "steer" }.allSatisfy { $0.isKnown })
    }

    /// A gate's prompts, and what a statistic is collected of, decide the edit before it is made.
    @Test(arguments: [
        ("{vectors: v.safetensors, gate: some.txt}", "{vectors: v.safetensors, gate: harmful}"),
        ("{statistic: d}", "{statistic: d, position: -2}"), ("{statistic: d, gate: harmless}", "{statistic: d}"),
    ]) func aPlanKnowsGatedEditsAndThoseOfAStatistic(_ own: String, _ other: String) async throws {
        func isKnown(_ settings: String) throws -> Bool {
            let study = try study("{steer: \(settings)}", more: Self.statistics)
            let plan = try files.work(study, model: model, cached: true)
            return plan.steps.filter { $0.condition == "steer" }.allSatisfy { $0.isKnown }
        }
        #expect(try !isKnown(own))
        _ = try await run(try study("{steer: \(own)}", more: Self.statistics), in: "run", cached: true)
        #expect(try isKnown(own) && !isKnown(other))
        // Other prompts make another gate, and another statistic.
        for file in ["harmful.txt", "harmless.txt", "some.txt"] { files.write("harm c\nkind c\n", to: file) }
        #expect(try !isKnown(own))
    }
}
