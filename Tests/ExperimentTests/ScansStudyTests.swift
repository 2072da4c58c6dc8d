import Caching
import Checkpoint
import Datasets
import Evaluation
import Experiment
import Foundation
import ModelService
import Planning
import Protocol
import Reporting
import Selection
import StudyFile
import StudyReport
import StudySupport
import Synchronization
import Tensors
import TestSupport
import Testing

/// SCANS as a condition: read, refused, calibrated on a model whose states are known, written, cached, planned.
@Suite struct ScansStudyTests {
    let files = TemporaryFolder()
    let model = LongModel(MatrixModel(layers: 3))

    init() {
        files.write("harm 1\nharm 2\n", to: "harmful.txt")
        files.write("kind 1\nkind 2\nmild harm\n", to: "harmless.txt")
        files.write((0..<7).map { "harm own \($0)\n" }.joined(), to: "bad.txt")
        files.write((0..<7).map { "kind own \($0)\n" }.joined(), to: "good.txt")
    }

    private func study(
        _ settings: String = "", lists: String = "harmful: bad.txt, harmless: good.txt", more: String = "",
        evaluation: String = ""
    ) throws(InputError) -> Study {
        try Study(
            yaml: """
                model: m
                block_examples: 3
                conditions: [unedited, {scans: {\(lists), anchors: 3, calibration: 2\(settings)}}]
                evaluation: {harmful: harmful.txt, harmless: harmless.txt, max_new_tokens: 4, slots: 2\(evaluation)}
                \(more)
                """, file: files.file("s.yaml"))
    }

    private func run(
        _ study: Study, in folder: String = UUID().uuidString, cached: Bool = false
    ) async throws -> (runner: ScansRunner, folder: RunFolder, results: StudyResults) {
        try await files.carryOut(
            study, ScansRunner(MatrixModel(layers: 3)), model: model, in: folder, cached: cached)
    }

    private func tokens(_ texts: [String]) -> Set<[Int32]> { Set(texts.map { ByteCodec().prompt($0) }) }

    @Test func itsSettingsAreRead() throws {
        let plain = try #require(try study().conditions.last?.method as? ScansMethod)
        #expect(plain.alpha == 3.5 && plain.layers == nil && plain.gateLayers == nil && plain.threshold == nil)
        #expect(plain.response == " Sure" && plain.lastState == .norm)
        #expect(plain.title == "SCANS × 3.5, middle blocks")
        let own = try study(
            ", alpha: [2, 4], layers: [1, 0], gate_layers: [2], threshold: 0.75, response: Yes, last_state: output")
        #expect(own.conditions.map(\.name) == ["unedited", "scans-alpha2", "scans-alpha4"])
        let method = try #require(own.conditions.last?.method as? ScansMethod)
        #expect(method.layers == [0, 1] && method.gateLayers == [2] && method.threshold == 0.75)
        #expect(method.response == "Yes" && method.lastState == .output)
        #expect(method.title == "SCANS × 4, blocks 0 1, gate over blocks 2 from 0.75")
    }

    /// As the published code steers 7B models.
    @Test func theMiddleIsBlocks10To19Of32() {
        #expect(ScansMethod.middle(of: 32) == Array(10...19))
        #expect(ScansMethod.middle(of: 30) == Array(9...17))
        #expect(ScansMethod.middle(of: 3) == [0])
        #expect(ScansMethod.middle(of: 1) == [0])
    }

    @Test(arguments: [
        (", threshold: 2", "scans.threshold = 2.0 is out of range"),
        (", layers: []", "scans.layers is an empty list"),
        (", gate_layers: [1, 1]", "scans.gate_layers has to be a list of different block numbers from 0"),
        (", last_state: both", "scans.last_state = both is unknown"),
        (", position: -1", "unknown key conditions[1].scans.position"),
    ]) func whatItDoesNotKnowIsRefused(_ settings: String, _ words: String) {
        let error = #expect(throws: InputError.self) { try study(settings) }
        #expect(error?.fault.contains(words) == true, "\(error?.description ?? "")")
    }

    @Test func itIsNoExportAndDrawsItsOwnSamples() {
        let export = #expect(throws: InputError.self) { try study(more: "export: [scans]") }
        #expect(export?.fault == "export names scans: weights alone do not hold what SCANS does")
        let samples = #expect(throws: InputError.self) {
            try study(lists: "harmful: {prompts: bad.txt, samples: 2}, harmless: good.txt")
        }
        #expect(samples?.fault.contains("has samples: anchors and calibration say how many are drawn") == true)
    }

    @Test func withoutPromptsToSteerItIsRefused() throws {
        let error = #expect(throws: InputError.self) {
            try Study(
                yaml: "model: m\nconditions: [unedited, {scans: {harmful: bad.txt, harmless: good.txt}}]",
                file: files.file("s.yaml"))
        }
        #expect(error?.fault.contains("the evaluation, which has neither harmful nor harmless ones") == true)
    }

    @Test func blocksOutsideTheModelAreRefusedBeforeAnyWork() throws {
        let study = try study(", gate_layers: [1, 3]")
        #expect {
            try study.check(model.config)
        } throws: { "\($0)" == "condition scans: scans.gate_layers: block 3 is none of the model's 3" }
    }

    private func fault(_ study: Study) -> String {
        do { _ = try StudySchedule(study, config: model.config, codec: ByteCodec()) } catch { return "\(error)" }
        return "nothing is wrong"
    }

    /// The gate is calibrated on no prompt that is reported.
    @Test func promptsThatAreEvaluatedAreRefused() throws {
        files.write((0..<5).map { $0 < 2 ? " harm \($0 + 1) \n" : "harm own \($0)\n" }.joined(), to: "mixed.txt")
        let words = fault(try study(lists: "harmful: mixed.txt, harmless: good.txt"))
        #expect(
            words.contains("mixed.txt: 2 of the 5 prompts drawn for scans are prompts of the evaluation as well, as \"")
        )
        #expect(!words.contains("\n"))
        // The same file apart from what is evaluated.
        let held = try study(lists: "harmful: {prompts: bad.txt, skip: 2}, harmless: good.txt")
        #expect(fault(held) == "nothing is wrong")
    }

    @Test func listsThatAreTooShortOrShareAPromptAreRefused() throws {
        #expect(
            fault(try study(lists: "harmful: {prompts: bad.txt, skip: 4}, harmless: good.txt"))
                .contains("5 samples were asked for, the file has 3"))
        #expect(
            fault(try study(lists: "harmful: bad.txt, harmless: bad.txt"))
                .contains("of the prompts drawn for scans are harmful ones of"))
        files.write(String(repeating: "harm twice\n", count: 5), to: "twice.txt")
        #expect(fault(try study(lists: "harmful: twice.txt, harmless: good.txt")).contains("has a prompt twice"))
    }

    /// Changes of harmful prompts are like the reference in blocks 0 and 1; in block 2 all are.
    @Test func theGateIsCalibratedAndSaysHowItDoes() async throws {
        let done = try await run(try study(", alpha: 2, layers: [0, 2]"))
        let steering = try #require(done.runner.fake.seen.all["scans"] as? Steering)
        #expect(steering.start == .lastPromptToken)
        #expect(steering.gate == tokens(["harm 1", "harm 2", "mild harm"]))
        #expect(steering.opposite == tokens(["kind 1", "kind 2"]))
        // The states differ in the first column by 2; after the final norm in the second by −1.
        #expect(steering.vectors == [0: [2, 0, 0, 0], 2: [0, -2, 0, 0]])
        #expect(steering.metadata["gate_layers"] == "0,1,2")
        // Harmful prompts have cosines 1, 1, 1, harmless ones 0, 0, 1.
        let threshold = try #require(steering.metadata["threshold"].flatMap(Double.init))
        #expect(abs(threshold - 2.0 / 3) < 1e-12)
        let note = try #require(done.results.conditions[1].note)
        #expect(
            note
                == "gate at 0.6667 over blocks 0 to 2; calibration: 2 of 2 harmful and 2 of 2 harmless prompts right (balanced accuracy 100 %); called unsafe in the evaluation: 2 of 2 harmful, 1 of 3 harmless"
        )
        let json = try JSON.parse(Array(done.results.json(command: "test", versions: []).utf8))
        let condition = try #require(json["conditions"]?.elements?.last)
        #expect(condition["note"]?.string == note)
        #expect(condition["gate"]?["layers"]?.elements?.map(\.int) == [0, 1, 2])
        #expect(condition["gate"]?["threshold"]?.double == threshold)
        let kinds = ["calibration", "evaluation"].map { condition["gate"]?[$0] }
        #expect(kinds.map { $0?["harmless_right"]?.int } == [2, 2])
        #expect(kinds.map { $0?["precision"]?.double } == [1, 2.0 / 3])
        #expect(kinds.map { $0?["recall"]?.double } == [1, 1])
        let table = done.results.report(command: "test", versions: []).tables.first { $0.caption.hasPrefix("Gates") }
        let row = try #require(table?.table.rows.last)
        #expect(row.prefix(6) == ["scans", "blocks 0 to 2", "0.6667", "evaluation", "2 of 2", "2 of 3"])
        #expect(row[6].hasPrefix("0.67 [") && row[7].hasPrefix("1.00 ["))
        #expect(done.results.report(command: "test", versions: []).markdown().contains("gate at 0.6667"))
        let rows = try CSV.cells(done.folder.gate("scans"))
        #expect(rows.count == 2 + 2 + 5)
        #expect(rows.filter { $0["list"] == "evaluated" }.map { $0["unsafe"] } == ["1", "1", "0", "0", "1"])
        #expect(rows.prefix(2).allSatisfy { $0["list"] == "calibration_harmful" && $0["score"] == "1.0" })
    }

    @Test func theStateAfterTheLastBlockMayBeTakenBeforeTheNorm() async throws {
        let done = try await run(try study(", layers: [2], last_state: output, threshold: 0.25, gate_layers: [1]"))
        let steering = try #require(done.runner.fake.seen.all["scans"] as? Steering)
        #expect(steering.vectors == [2: [3.5, 0, 0, 0]])
        #expect(steering.metadata["threshold"] == "0.25" && steering.metadata["gate_layers"] == "1")
    }

    @Test func whatIsPutAfterAPromptIsCollectedBehindIt() async throws {
        let done = try await run(try study())
        let request = try #require(done.runner.requests.first)
        #expect(done.runner.requests.count == 1 && request.statistics[0].classes == 5)
        let batches = request.blocks.flatMap { $0 }
        #expect(batches.reduce(0) { $0 + $1.exampleCount } == 2 * 5 + 5)
        for sequence in batches.flatMap(\.sequences) where sequence.scoredFrom < sequence.tokens.count {
            #expect(ByteCodec().decode(Array(sequence.tokens.dropFirst(sequence.scoredFrom))) == " Sure")
        }
    }

    /// Conditions that differ in alpha have one gate, and their answers are cached.
    @Test func oneGateServesAGridAndASecondRunComputesNothing() async throws {
        let study = try study(", alpha: [1, 2], layers: [1]")
        let first = try await run(study, in: "one", cached: true)
        #expect(first.runner.requests.count == 1)
        #expect(first.runner.fake.seen.all.keys.sorted() == ["scans-alpha1", "scans-alpha2"])
        let second = try await run(study, in: "two", cached: true)
        #expect(second.runner.requests.isEmpty && second.runner.fake.seen.log == [])
        #expect(second.results.csv() == first.results.csv())
        let file = first.folder.edit("scans-alpha2")
        let written = try Steering(bundle: try TensorBundle(safetensors: file), source: file)
        #expect(written.opposite.count == 2 && written.metadata["condition"] == "scans-alpha2")
    }

    @Test func atAlpha0ItChangesNothing() async throws {
        let done = try await run(try study(", alpha: 0, layers: [1]"))
        #expect(done.results.conditions[1].remark == .changesNothing("its vectors are zero"))
    }

    @Test func aPlanCountsTheGateOnce() throws {
        let gates = try files.work(study(", alpha: [1, 2]"), model: model).steps.filter { $0.work == "gate" }
        #expect(gates.map(\.isKnown) == [false, true])
        #expect(gates.first?.tasks.count == 5)
        #expect(gates.first?.collected != nil)
    }

    /// Of a study with another alpha the answers are new, and the gate is the same.
    @Test func aPlanKnowsThatAGateIsCached() async throws {
        _ = try await run(try study(", alpha: 2, layers: [1]"), cached: true)
        func gate(_ settings: String) throws -> [Bool] {
            let steps = try files.work(study(settings), model: model, cached: true).steps
            #expect(steps.contains { $0.label == "scans: answers" && !$0.isKnown })
            return steps.filter { $0.work == "gate" }.map(\.isKnown)
        }
        #expect(try gate(", alpha: 3, layers: [0]") == [true])
        #expect(try gate(", alpha: 3, response: No") == [false])
    }

    /// Two rows of the hidden size, and five marks, for each of 15 prompts at each of 5 places; blocks, and what is made of them.
    @Test func thePlansDiskHoldsAGatesPartials() throws {
        let passing = try files.disk(study(), model: model).passing
        #expect(passing?.name == "partials until they are summed")
        #expect(passing?.bytes == 2 * 15 * 5 * 4 * (2 * model.config.hiddenSize + 5))
    }

    @Test func aRepetitionPenaltyIsOfAllAnswersOfTheEvaluation() async throws {
        let plain = try await run(try study())
        #expect(plain.runner.fake.seen.generations.allSatisfy { $0.repetitionPenalty == nil })
        let own = try await run(try study(evaluation: ", repetition_penalty: 1.1"))
        let generations = own.runner.fake.seen.generations
        #expect(!generations.isEmpty && generations.allSatisfy { $0.repetitionPenalty == Float(1.1) })
        #expect(own.results.json(command: "test", versions: []).contains("repetition penalty"))
        #expect(!plain.results.json(command: "test", versions: []).contains("repetition penalty"))
        let error = #expect(throws: InputError.self) { try study(evaluation: ", repetition_penalty: 0") }
        #expect(error?.fault.contains("evaluation.repetition_penalty = 0.0 is out of range") == true)
    }
}

/// A model whose states are known. At the prompt's end they are [3, 1, 0, 0] of prompts with "harm" in them and [1, 1, 0, 0]
/// of others; after the final norm [0, 1, 0, 0] and [0, 2, 0, 0]. They change by [1, 0, 0, 0] and [0, 1, 0, 0]; after the
/// final norm all by [0, 0, 1, 0].
private final class ScansRunner: ForwardingRunner {
    let fake: FakeRunner
    private let model: MatrixModel
    private let scored = Mutex<[ScoreRequest]>([])
    var requests: [ScoreRequest] { scored.withLock { $0 } }

    init(_ model: MatrixModel) { (self.model, fake) = (model, FakeRunner(model)) }

    func score(_ requests: [ScoreRequest], label: String) async throws -> ScoreReceipt {
        guard requests.first?.statistics.first?.name == Transition.name else {
            return try await fake.score(requests, label: label)
        }
        #expect(fake.seen.edit == "none", "prompts are classified on the unedited model")
        scored.withLock { $0 += requests }
        for request in requests { try transitions(request) }
        return ScoreReceipt()
    }

    private func transitions(_ request: ScoreRequest) throws {
        let classes = request.statistics[0].classes
        var prompts: [(isHarmful: Bool, group: Int)] = []
        for batch in request.blocks.flatMap({ $0 }) {
            let shared = Set(batch.sequences.compactMap(\.prefix))
            for (index, sequence) in batch.sequences.enumerated() where !shared.contains(index) {
                let tokens = (sequence.prefix.map { batch.sequences[$0].tokens } ?? []) + sequence.tokens
                prompts.append((ByteCodec().decode(tokens).contains("harm"), sequence.group ?? 0))
            }
        }
        var entries: [TensorBundle.Entry] = []
        for place in ResidualPlace.places(in: 0..<model.config.layerCount, of: model.config) {
            func add(_ kind: StatisticName.Transitions, _ columns: Int, _ row: (Bool, Int) -> [Float]) {
                let values = prompts.flatMap { row($0.isHarmful, $0.group) }
                entries.append(
                    .init(
                        name: StatisticName.transition(kind, place), type: .f32, shape: [prompts.count, columns],
                        buffer: AlignedBuffer(values)))
            }
            add(.state, 4) { isHarmful, _ in
                place == .norm ? [0, isHarmful ? 1 : 2, 0, 0] : [isHarmful ? 3 : 1, 1, 0, 0]
            }
            add(.change, 4) { isHarmful, _ in
                place == .norm ? [0, 0, 1, 0] : isHarmful ? [1, 0, 0, 0] : [0, 1, 0, 0]
            }
            add(.isOfClass, classes) { _, group in (0..<classes).map { $0 == group ? 1 : 0 } }
        }
        try TensorBundle(entries: entries).write(safetensors: request.output)
    }
}
