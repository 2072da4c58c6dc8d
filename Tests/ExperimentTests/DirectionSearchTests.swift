import Caching
import Checkpoint
import Datasets
import Evaluation
import Experiment
import Foundation
import ModelService
import Planning
import Protocol
import Selection
import StudyFile
import StudySupport
import Synchronization
import Tensors
import TestSupport
import Testing

/// The study's own refusal direction: read, refused, searched on a model whose candidates are known, written, used, planned.
@Suite struct DirectionSearchTests {
    let files = TemporaryFolder()
    let model = LongModel(MatrixModel(layers: 5))

    init() {
        files.write((0..<9).map { "harm \($0)\n" }.joined(), to: "harmful.txt")
        files.write((0..<9).map { "kind \($0)\n" }.joined(), to: "harmless.txt")
    }

    private func study(_ more: String = "", conditions: String = "") throws(InputError) -> Study {
        try Study(
            yaml: """
                model: m
                refusal_direction: {harmful: harmful.txt, harmless: harmless.txt, train: 5, validation: 3\(more)}
                conditions: [unedited, {name: ablated, direction: {edit: ablate}}\(conditions)]
                evaluation: {harmful: {prompts: harmful.txt, first: 1}, slots: 2, max_new_tokens: 4}
                """, file: files.file("s.yaml"))
    }

    private func run(
        _ study: Study, in folder: String, cached: Bool = false
    ) async throws -> (runner: DirectionRunner, folder: RunFolder, said: [String]) {
        let runner = DirectionRunner(MatrixModel(layers: 5))
        let said = Mutex<[String]>([])
        let done = try await files.carryOut(study, runner, model: model, in: folder, cached: cached) { line in
            said.withLock { $0.append(line) }
        }
        return (runner, done.folder, said.withLock { $0 })
    }

    @Test func itsSettingsAreRead() throws {
        let plain = try #require(try study().refusalDirection)
        #expect(plain.train == 5 && plain.validation == 3 && plain.isFiltered && plain.positions == nil)
        #expect(plain.rules == DirectionSelection() && plain.tokens == .own)
        let own = try #require(
            try study(
                ", positions: [-1, -2], kl: 0.2, layers_below: 1, induce: -1, filter: false, refusal_tokens: [40, As]"
            ).refusalDirection)
        #expect(own.positions == [-2, -1] && !own.isFiltered)
        #expect(own.rules.kl == 0.2 && own.rules.layersBelow == 1 && own.rules.induce == -1)
        #expect(own.tokens == .given([.id(40), .text("As")]))
    }

    @Test(arguments: [
        (", kl: -1", "refusal_direction.kl"), (", layers_below: 2", "refusal_direction.layers_below"),
        (", positions: [0]", "refusal_direction.positions has to be a list of different positions"),
        (", filter: maybe", "refusal_direction.filter = maybe is neither true nor false"),
        (", refusal_tokens: []", "refusal_direction.refusal_tokens is an empty list"),
        (", refusal_tokens: [3, -1]", "refusal_direction.refusal_tokens = -1 is no token's number; a text is quoted"),
        (", tokens: [1]", "unknown key refusal_direction.tokens"),
    ]) func whatItDoesNotKnowIsRefused(_ more: String, _ words: String) {
        let error = #expect(throws: InputError.self) { try study(more) }
        #expect(error?.fault.contains(words) == true, "\(error?.description ?? "")")
    }

    @Test(arguments: [
        (", positions: [-2]", "-2 is none of the 1 tokens that the template puts after the instruction"),
        (", refusal_tokens: [640]", "640 is no token of the model, which has"),
        (", train: 7", "10 samples were asked for"),
        (", layers_below: 0", "layers_below: = 0 leaves no block of the model's 5 to try but the first"),
        (", layers_below: 0.39", "leaves no block of the model's 5 to try but the first"),
    ]) func whatTheModelDoesNotAllowIsRefusedBeforeAnyWork(_ more: String, _ words: String) throws {
        var text = more
        if more.contains("train") { text = "" }
        let study = try more.contains("train") ? seven() : study(text)
        #expect {
            try StudySchedule(study, config: model.config, codec: ByteCodec())
        } throws: { "\($0)".contains(words) }
    }

    @Test func aPromptOfBothListsIsRefusedBeforeAnyWork() throws {
        files.write((4..<13).map { "harm \($0)\n" }.joined(), to: "harmless.txt")
        #expect {
            try StudySchedule(study(), config: model.config, codec: ByteCodec())
        } throws: { "\($0)".contains("of the prompts drawn for refusal_direction are harmful ones of") }
    }

    private func seven() throws(InputError) -> Study {
        var study = try study()
        study.refusalDirection?.train = 7
        return study
    }

    /// Layer 2 has the lowest refusals but diverges, layer 1 induces none, layer 4 is late; layer 3 is left.
    @Test func theSearchFindsTheCandidateThatTheRulesLeave() async throws {
        let done = try await run(try study(", refusal_tokens: [I]"), in: "one")
        let direction = try ResidualDirection(contentsOf: done.folder.direction)
        #expect(direction.layer == 3 && direction.position == -1)
        #expect(direction.unit == [0, 0, 0, 1] && direction.metadata["model"] == "digest")
        #expect(direction.metadata["refusal_tokens"] == "73")
        let rows = try CSV.cells(done.folder.directionTable)
        #expect(rows.map { $0["layer"] } == ["0", "1", "2", "3", "4"])
        #expect(rows.map { $0["excluded_by"] } == ["", "induce", "kl", "", "layer"])
        #expect(rows.map { $0["chosen"] } == ["0", "0", "0", "1", "0"])
        #expect(rows[4]["refusal_log_odds_ablated"] == "")
        let odds = try #require(rows[3]["refusal_log_odds_ablated"].flatMap(Double.init))
        #expect(abs(odds - (log(0.2 + 1e-8) - log(0.8 + 1e-8))) < 1e-9)
        let ablation = try #require(done.runner.fake.seen.all["ablated"] as? Ablation)
        #expect(ablation.direction == [0, 0, 0, 1])
        #expect(Files.exists(done.folder.controlVector))
    }

    /// The last candidate's model is not taken for the unedited one.
    @Test func theUneditedModelIsAskedAfterTheSearch() async throws {
        let done = try await run(try study(", refusal_tokens: [I]"), in: "after")
        let asked = done.runner.fake.seen.log.filter { $0.hasPrefix("generate") }
        // The coherence floor's samples are of the unedited model, too.
        #expect(asked.map { $0.hasSuffix("[none]") } == [true, false])
    }

    @Test func itsOwnRefusalsGiveTheTokens() async throws {
        let done = try await run(try study(), in: "own")
        #expect(try ResidualDirection(contentsOf: done.folder.direction).metadata["refusal_tokens"] == "73")
    }

    @Test func aSecondRunTakesAllFromTheCache() async throws {
        let study = try study()
        let first = try await run(study, in: "one", cached: true)
        let second = try await run(study, in: "two", cached: true)
        #expect(first.runner.asked.isEmpty == false && second.runner.asked == [])
        #expect(
            try TextFile.read(first.folder.directionTable) == TextFile.read(second.folder.directionTable))
    }

    @Test func whereNoCandidateIsLeftTheTableSaysWhy() async throws {
        await #expect {
            try await run(try study(", kl: 0, refusal_tokens: [I]"), in: "none")
        } throws: { "\($0)".contains("no candidate is left: 1 by layer, 0 by not_a_number, 4 by kl, 0 by induce") }
        #expect(Files.exists(files.file("none/directions/candidates.csv")))
    }

    private func planned(_ study: Study, cached: Bool = false) throws -> [Work.Step] {
        try files.work(study, model: model, cached: cached).steps.filter { $0.work.hasPrefix(DirectionStep.label) }
    }

    @Test func aPlanKnowsASearchThatIsCached() async throws {
        #expect(try !planned(study(), cached: true).contains(where: \.isKnown))
        _ = try await run(try study(), in: "run", cached: true)
        #expect(try planned(study(), cached: true).allSatisfy(\.isKnown))
        // What is made of the numbers costs nothing; with more layers there are more candidates.
        #expect(try planned(study(", kl: 0.2"), cached: true).allSatisfy(\.isKnown))
        let more = try planned(study(", layers_below: 1"), cached: true)
        #expect(more.first?.isKnown == true && more.last?.isKnown == false)
        files.write((0..<9).map { "harm \($0 + 1)\n" }.joined(), to: "harmful.txt")
        #expect(try !planned(study(), cached: true).contains(where: \.isKnown))
    }

    @Test func aPlanCountsEveryCandidate() throws {
        let own = try planned(study())
        #expect(own.map(\.kind) == [.answers, .forward, .forward, .forward])
        #expect(own[1].collected?.classes == 2)
        // The whole distributions of the reference, and of each of 4 candidates.
        #expect(own[3].bytes == 4 * model.config.vocabularySize * 3)
        #expect(own[3].tasks.reduce(0) { $0 + $1.scored } == 3 * 5)
        let prompt = ByteCodec().prompt("harm 0").count
        // Means of 10 prompts, the filter's 16, the reference's 3, and 9 for each of 4 candidates; beginnings are shared.
        let tokens = own.dropFirst().flatMap(\.tasks).reduce(0) { $0 + $1.tokens }
        #expect(tokens > 36 * 2 && tokens <= prompt * (10 + 16 + 3 + 36))
    }
}

/// A model whose mean states differ by the unit vector of the layer's number, and whose candidates behave as the tables say.
private final class DirectionRunner: ForwardingRunner {
    private static let ablated = [0.5, 0.05, 0.01, 0.2, 0.001]
    private static let induced = [0.6, 0.3, 0.9, 0.7, 0.9]
    private static let divergence = [0.05, 0.05, 0.5, 0.05, 0.05]

    let fake: FakeRunner
    private let model: MatrixModel
    private let state = Mutex<(edit: (any WeightEdit)?, asked: [String])>((nil, []))
    var asked: [String] { state.withLock { $0.asked } }

    init(_ model: MatrixModel) { (self.model, fake) = (model, FakeRunner(model)) }

    private func note(_ line: String) { state.withLock { $0.asked.append(line) } }

    func use(_ model: ModelState) async throws {
        state.withLock { if case .edited(let edit) = model.kind { $0.edit = edit } else { $0.edit = nil } }
        try await fake.use(model)
    }

    func score(_ requests: [ScoreRequest], label: String) async throws -> ScoreReceipt {
        note(label)
        let extent = StatisticExtent(layers: 0..<model.config.layerCount, classes: 2)
        let tensors = try requests[0].statistics[0].statistic().tensors(model.config, extent)
        try TensorBundle(
            entries: tensors.map { tensor in
                var values = [Double](repeating: 0, count: tensor.shape.reduce(1, *))
                if tensor.name.contains(".count.") { values = [1, 1] }
                let sum = StatisticName.residual(.sum, nil) + "input."
                if tensor.name.hasPrefix(sum), let layer = Int(tensor.name.dropFirst(sum.count)), layer < 4 {
                    values[layer] = 2
                }
                return .init(
                    name: tensor.name, type: .f64, shape: tensor.shape, buffer: AlignedBuffer(doubles: values))
            }
        ).write(safetensors: requests[0].output)
        return ScoreReceipt()
    }

    private func refusal(_ isHarmful: Bool) -> Double {
        switch state.withLock({ $0.edit }) {
        case let edit as Ablation: Self.ablated[edit.direction.firstIndex(of: 1) ?? 4]
        case let edit as Steering: Self.induced[edit.inputs.keys.first ?? 4]
        default: isHarmful ? 0.9 : 0.1
        }
    }

    private func harmful(_ batches: [Batch]) -> [Bool] {
        batches.flatMap { batch -> [Bool] in
            let shared = Set(batch.sequences.compactMap(\.prefix))
            return batch.sequences.indices.filter { !shared.contains($0) }.map { index in
                let sequence = batch.sequences[index]
                let tokens = (sequence.prefix.map { batch.sequences[$0].tokens } ?? []) + sequence.tokens
                return ByteCodec().decode(tokens).contains("harm")
            }
        }
    }

    func nextTokens(_ batches: [Batch], label: String) async throws -> [[Float]] {
        note(label)
        return harmful(batches).map { _ in [0, -1] }
    }
    func nextTokens(_ batches: [Batch], of tokens: [Int32], label: String) async throws -> [[Double]] {
        note(label)
        #expect(tokens == [73])
        return harmful(batches).map { [log(refusal($0))] }
    }
    func divergence(
        _ batches: [Batch], from reference: NextTokenReference, epsilon: Double, label: String
    ) async throws -> [Double] {
        note(label)
        #expect(epsilon == 1e-6)
        guard let edit = state.withLock({ $0.edit }) as? Ablation else { return [] }
        return harmful(batches).map { _ in Self.divergence[edit.direction.firstIndex(of: 1) ?? 4] }
    }

    func generate(_ groups: [TaskBody.Generation], label: String) async throws -> [[Int32]] {
        note(label)
        return try await fake.generate(groups, label: label)
    }
}
