package import Checkpoint
package import Datasets
package import Evaluation
import Foundation
package import ModelService
package import Protocol
package import Selection
import Synchronization
package import Tensors
package import TestSupport

/// One token a byte; a prompt is framed by 1 and 2, 3 ends an answer.
package struct ByteCodec: TextCodec {
    package func prompt(_ user: String) -> [Int32] { [1] + encode(user) + [2] }
    package func prompt(_ user: String, system: SystemPrompt) -> [Int32] {
        if case .text(let text) = system { [1] + encode(text) + [4] + prompt(user) } else { prompt(user) }
    }
    package func opening(_ text: String) -> [Int32] { [5] + encode(text) }
    package func encode(_ text: String) -> [Int32] { text.utf8.map { Int32($0) } }
    package func decode(_ tokens: [Int32]) -> String { String(decoding: tokens.map { UInt8($0) }, as: UTF8.self) }
    package let stopTokens: [Int32] = [3]
    package let endOfAnswer: Int32? = 3
    package let description = "bytes"
    package var longest = 500

    package init(longest: Int = 500) {
        self.longest = longest
    }
    package let thinking = "as the template has it"
}

/// A model that refuses prompts with "harm" in them, unless the set difference is removed or it was fine-tuned unfrozen.
package final class FakeRunner: ModelRunner {
    package let kernels = "fake"
    package static let refusal =
        "I'm sorry, but I can't assist with that request because it could hurt somebody very badly in the end."
    package static let fluent = (1...22).map { "word\($0)" }.joined(separator: " ")

    package struct State {
        package var edit = "none"
        /// What is current, where it is still to be trained.
        var untrained: TrainingRequest?
        package var log: [String] = []
        /// By condition: masks, changes of few ranks, and edits of every kind.
        package var edits: [String: Mask] = [:]
        package var all: [String: any WeightEdit] = [:]
        package var frozen: [Mask?] = []
        package var trainings: [TaskBody.Training] = []
        package var rewound: [Mask?] = []
        package var shared: [Bool] = []
        /// Trainings that were computed, and what the last one was, where nothing was frozen.
        package var runs = 0
        package var free: TaskBody.Training?
        package var requests: [ScoreRequest] = []
        package var lowRanks: [String: LowRankEdit] = [:]
        package var operands: [[String]] = []
        package var generations: [TaskBody.Generation] = []
    }

    private let state = Mutex(State())
    let model: MatrixModel
    /// What the model answers in place of its own, by what the prompt has in it.
    private let answers: [String: String]
    /// A condition under which the model's numbers are none.
    private let broken: String?
    /// A condition whose answers never come.
    private let stops: String?
    package var seen: State { state.withLock { $0 } }

    package init(_ model: MatrixModel, answers: [String: String] = [:], broken: String? = nil, stops: String? = nil) {
        (self.model, self.answers, self.broken, self.stops) = (model, answers, broken, stops)
    }

    func note(_ line: String) { state.withLock { $0.log.append("\(line) [\($0.edit)]") } }

    package func use(_ model: ModelState) async throws {
        state.withLock { state in
            state.untrained = nil
            switch model.kind {
            case .checkpoint: state.edit = "none"
            case .edited(let edit):
                state.edit = edit.metadata["condition"] ?? "unnamed"
                state.edits[state.edit] = (edit as? ZeroedWeights)?.mask
                state.lowRanks[state.edit] = edit as? LowRankEdit
                state.all[state.edit] = edit
            case .trained(let request): state.untrained = request
            }
        }
    }

    /// Trains what is current and not trained yet.
    private func makeCurrent() async throws {
        guard let request = seen.untrained else { return }
        _ = try await train(request, label: "again")
    }

    /// Subspaces: the first unit vectors, all that a map can have. Factors: −Qᵀ and Q · (ones).
    package func compute(_ request: RankRequest, label: String) async throws {
        note("compute \(label)")
        let maps = WeightScores.maps(of: model.config)
        var entries: [TensorBundle.Entry] = []
        for group in request.groups {
            let operands = try group.operands()
            state.withLock { $0.operands.append(operands.entries.map { "\($0.name) \($0.shape)" }) }
            for map in maps where group.tasks.contains(where: { map.name.contains(".\($0.layer).") }) {
                if group.tasks[0].kind == .subspaces {
                    let unit = (0..<map.rows * map.rank).map { Float($0 / map.rank == $0 % map.rank ? 1 : 0) }
                    entries.append(
                        .init(name: map.name, type: .f32, shape: [map.rows, map.rank], buffer: AlignedBuffer(unit)))
                    let values = AlignedBuffer(byteCount: 8 * map.rank)
                    for i in 0..<map.rank {
                        values.address.assumingMemoryBound(to: Double.self)[i] = Double(map.rank - i)
                    }
                    entries.append(
                        .init(
                            name: SubspaceFile.singularValues(map.name), type: .f64, shape: [map.rank], buffer: values))
                } else {
                    let k = operands.entries.first { $0.name.hasSuffix(map.name) }?.shape[0] ?? 0
                    guard k > 0 else { continue }
                    entries.append(
                        .init(
                            name: LowRankEdit.left(map.name), type: .f32, shape: [map.rows, k],
                            buffer: AlignedBuffer(floats: map.rows * k)))
                    entries.append(
                        .init(
                            name: LowRankEdit.right(map.name), type: .f32, shape: [k, map.columns],
                            buffer: AlignedBuffer(floats: map.columns * k)))
                }
            }
        }
        try TensorBundle(metadata: request.metadata, entries: entries).write(safetensors: request.output)
    }

    package func generate(_ groups: [TaskBody.Generation], label: String) async throws -> [[Int32]] {
        try await makeCurrent()
        if seen.edit == stops { throw InternalError("stopped") }
        note("generate \(groups.map(\.prompts.count))")
        state.withLock { $0.generations += groups }
        let edit = seen.edit
        let codec = ByteCodec()
        return groups.flatMap(\.prompts).map { prompt in
            let text = codec.decode(prompt)
            if let answer = answers.first(where: { text.contains($0.key) })?.value { return codec.encode(answer) }
            let refuses =
                text.contains("harm") && !text.contains("magic") && !["set_difference", "trained"].contains(edit)
            return codec.encode(refuses ? Self.refusal : Self.fluent)
        }
    }

    package func likelihood(_ batches: [Batch], label: String) async throws -> [SequenceScore] {
        try await makeCurrent()
        note("likelihood")
        return batches.flatMap(\.sequences).map { sequence in
            let count = sequence.tokens.count - sequence.scoredFrom
            let value: Float = seen.edit == broken ? .nan : -1
            return SequenceScore(
                logProbabilities: Array(repeating: value, count: count), greedy: Array(repeating: false, count: count))
        }
    }

    /// Of every prompt: whether it has "harm" in it, and the model still refuses.
    private func refusals(_ batches: [Batch]) -> [Bool] {
        let codec = ByteCodec()
        let edit = seen.edit
        return batches.flatMap { batch -> [Bool] in
            let shared = Set(batch.sequences.compactMap(\.prefix))
            return batch.sequences.indices.filter { !shared.contains($0) }.map { index in
                let sequence = batch.sequences[index]
                let tokens = (sequence.prefix.map { batch.sequences[$0].tokens } ?? []) + sequence.tokens
                return codec.decode(tokens).contains("harm") && !["set_difference", "trained"].contains(edit)
            }
        }
    }

    /// Half of the probability on the first letter of what it answers, the rest on all tokens alike.
    package func nextTokens(_ batches: [Batch], label: String) async throws -> [[Float]] {
        try await makeCurrent()
        note("next tokens \(batches.map(\.exampleCount))")
        return distributions(batches)
    }

    private func distributions(_ batches: [Batch]) -> [[Float]] {
        let count = max(model.config.vocabularySize, 128)
        return refusals(batches).map { refuses in
            var row = [Float](repeating: log(0.5 / Float(count)), count: count)
            row[refuses ? Int(UInt8(ascii: "I")) : Int(UInt8(ascii: "w"))] = log(0.5 + 0.5 / Float(count))
            return seen.edit == broken ? row.map { _ in .nan } : row
        }
    }

    package func nextTokens(_ batches: [Batch], of tokens: [Int32], label: String) async throws -> [[Double]] {
        try await makeCurrent()
        note("next tokens \(batches.map(\.exampleCount)) of \(tokens)")
        return distributions(batches).map { row in tokens.map { Double(row[Int($0)]) } }
    }

    package func divergence(
        _ batches: [Batch], from reference: NextTokenReference, epsilon: Double, label: String
    ) async throws -> [Double] {
        try await makeCurrent()
        note("divergence \(batches.map(\.exampleCount))")
        return zip(reference.rows, distributions(batches)).map { TokenDivergence.nats($0, $1, epsilon: epsilon) }
    }

    package func score(_ requests: [ScoreRequest], label: String) async throws -> ScoreReceipt {
        try await makeCurrent()
        let name = requests.first?.statistics.first?.name
        if name == HeadOutput.name {
            try requests.forEach { try headOutputs($0) }
            return ScoreReceipt()
        }
        if let first = try requests.first?.statistics.first?.statistic(),
            type(of: first).readsPrompts || name == InputSquares.name
        {
            try requests.forEach { try ones($0) }
            return ScoreReceipt()
        }
        note("score \(requests.map { "\($0.name) \($0.blocks.count)" })")
        state.withLock { $0.requests = requests }
        for request in requests {
            // As a model does it: whatever else is scored beside it.
            let number = request.name == "utility" ? 1 : 0
            var entries = WeightScores.maps(of: model.config).map { map in
                let values = (0..<map.count).map { Float(($0 * 7 + number * 5) % map.count + 1) }
                return TensorBundle.Entry(
                    name: StatisticName.absoluteGradient(map.name), type: .f32, shape: [map.rows, map.columns],
                    buffer: AlignedBuffer(values))
            }
            if request.statistics.contains(where: { $0.name == SecondMoments.name }) {
                entries += (0..<model.config.layerCount).flatMap { layer in
                    SecondMoments.places(of: model.config, layer: layer).map {
                        .init(
                            name: $0.name, type: .f64, shape: [$0.packedCount],
                            buffer: AlignedBuffer(byteCount: 8 * $0.packedCount))
                    }
                }
            }
            try TensorBundle(entries: entries).write(safetensors: request.output)
        }
        return ScoreReceipt()
    }

    package func train(_ request: TrainingRequest, label: String) async throws -> [Float] {
        let steps = request.training.steps
        note("train \(steps.count)")
        state.withLock { state in
            state.untrained = nil
            // As the fleet does it: what differs in rewinding alone is one run.
            let isKnown = request.freeze == nil && state.free == request.training
            if !isKnown { state.runs += 1 }
            state.free = request.freeze == nil ? request.training : nil
            state.trainings.append(request.training)
            state.frozen.append(request.freeze)
            state.rewound.append(request.rewind)
            state.shared.append(request.isShared)
            state.edit =
                request.freeze != nil ? "trained-frozen" : request.rewind != nil ? "trained-rewound" : "trained"
        }
        let losses = steps.indices.map { 2 / Float($0 + 1) }
        return Array(losses.prefix(request.lossTarget?.end(losses, of: request.training) ?? losses.count))
    }

    /// A and B of ones, beside the maps that are trained.
    private func ones(_ lora: LoRA) -> [TensorBundle.Entry] {
        WeightScores.maps(of: model.config).filter { map in lora.maps.contains { map.name.hasSuffix("\($0).weight") } }
            .flatMap { map in
                [
                    (LoRA.a(map.name), [lora.rank, map.columns]), (LoRA.b(map.name), [map.rows, lora.rank]),
                ].map { name, shape in
                    let ones = [Float](repeating: 1, count: shape[0] * shape[1])
                    return TensorBundle.Entry(name: name, type: .f32, shape: shape, buffer: AlignedBuffer(ones))
                }
            }
    }

    package func trainedWeights(_ body: (TensorBundle) throws -> Void) async throws {
        try await makeCurrent()
        try body(TensorBundle(entries: seen.trainings.last?.lora.map { ones($0) } ?? []))
    }
    package func release(_ receipt: ScoreReceipt) throws {}
    package func concluded() throws {}
    package func shutdown() async { note("shutdown") }
}

/// The tiny model with room for byte-long prompts.
package final class LongModel: WeightSource {
    package let config: ModelConfig
    let model: MatrixModel

    package init(_ model: MatrixModel, maxPositions: Int = 500) {
        self.model = model
        var config = model.config
        config.maxPositions = maxPositions
        self.config = config
    }

    package func shape(of name: String) -> [Int]? { model.shape(of: name) }
    package func read(_ name: String, rows: Range<Int>, into destination: UnsafeMutablePointer<Float>) throws {
        try model.read(name, rows: rows, into: destination)
    }
}

extension CSV {
    /// A written table, a dictionary by column for every row.
    package static func cells(_ path: String) throws -> [[String: String]] {
        let table = try CSV.table(TextFile.read(path), source: path)
        return table.rows.map { Dictionary(uniqueKeysWithValues: zip(table.columns, $0.fields)) }
    }
}
