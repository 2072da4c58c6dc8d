import Checkpoint
import Linalg
import Protocol
import Stages
import Tensors
import Transformer

/// Continues the prompts of one group with continuous batching: finished sequences leave their slot, waiting ones enter.
///
/// The first stage leads. A step is either a prefill of newly admitted prompts or one token for every active slot; who
/// enters and leaves depends on the tokens alone, so a row's place in every GEMM does too. Its result holds `tokens` I32,
/// all answers one after the other, and `lengths` I32 [prompts]; stop tokens are not part of an answer; `stopped` U8 says
/// which answers ended with one.
final class GenerateJob: StageJob {
    private enum Step: Int32 { case prefill, decode, done }

    private let task: UInt64
    private let context: StageContext
    private let generation: TaskBody.Generation
    private let cache: KeyValueCache
    /// Tokens that all prompts begin with: every prefill runs them once.
    private let shared: Int
    /// Of every prompt, from where on and which way its residual stream is changed.
    private let written: [WrittenFrom]
    /// Prompt in each slot, and how many tokens it has been given.
    private var prompts: [Int?]
    private var counts: [Int]
    // The leader's own state.
    private var answers: [[Int32]]
    private var stopped: [UInt8]
    private var waiting = 0
    private var index = 0
    /// Of the stage that chooses tokens, where there is one.
    private var penalty: RepetitionPenalty?
    /// Rows of the step under way, by slot.
    private var rows: [Int] = []

    init(_ task: UInt64, _ context: StageContext, _ generation: TaskBody.Generation) throws {
        guard generation.slots > 0, generation.maxNewTokens > 0, generation.streams.count == generation.prompts.count
        else {
            throw EngineError.badGeneration("slots, new tokens and one stream a prompt are needed")
        }
        guard !generation.prompts.contains(where: \.isEmpty) else {
            throw EngineError.badGeneration("a prompt is empty")
        }
        let longest = generation.prompts.map(\.count).max() ?? 0
        guard longest + generation.maxNewTokens <= context.config.maxPositions else {
            throw EngineError.badGeneration(
                "a prompt of \(longest) tokens and \(generation.maxNewTokens) new ones exceed the model's "
                    + "\(context.config.maxPositions) positions")
        }
        self.task = task
        self.context = context
        self.generation = generation
        let common = CommonPrefix.length(
            generation.prompts, atMost: generation.prompts.count < 2 ? 0 : generation.prompts.map(\.count).min()! - 1)
        let writer = context.stage.writer
        written = generation.prompts.map { WrittenFrom($0, writer) }
        shared = WrittenFrom.commonPositions(written, of: common)
        let slots = min(generation.slots, max(1, generation.prompts.count))
        cache = KeyValueCache(
            context.config, layers: context.stage.layers.count, slots: slots,
            capacity: longest + generation.maxNewTokens)
        prompts = Array(repeating: nil, count: slots)
        counts = Array(repeating: 0, count: slots)
        answers = Array(repeating: [], count: generation.prompts.count)
        stopped = Array(repeating: 0, count: generation.prompts.count)
        if context.stage.head != nil {
            penalty = generation.repetitionPenalty.map { RepetitionPenalty(factor: $0, slots: slots) }
        }
    }

    func begin() throws -> [StageOutput] { [] }

    func receive(_ packet: Packet) throws -> [StageOutput] {
        switch packet.direction {
        case .forward: context.isFirst ? try lead() : try follow(packet)
        case .local: try advance(packet.integers)
        case .backward:
            context.isFirst
                ? try advance(packet.integers)
                : [.packet(Packet(task: task, direction: .backward, index: packet.index, integers: packet.integers))]
        }
    }

    /// Chooses and runs the next step.
    private func lead() throws -> [StageOutput] {
        let free = prompts.indices.filter { prompts[$0] == nil }
        let active = prompts.indices.filter { prompts[$0] != nil }
        let remaining = generation.prompts.count - waiting
        if remaining > 0, active.isEmpty || free.count >= max(1, prompts.count / 4) {
            var step: [Int32] = [Step.prefill.rawValue]
            var tokens = shared
            rows = []
            for slot in free where waiting < generation.prompts.count {
                let length = generation.prompts[waiting].count - shared
                guard rows.isEmpty || tokens + length <= ModelFootprint.prefillTokens else { break }
                step += [Int32(slot), Int32(waiting)]
                rows.append(slot)
                tokens += length
                waiting += 1
            }
            return try run(step, payload: nil)
        }
        guard !active.isEmpty else { return finish() }
        rows = active
        return try run([Step.decode.rawValue] + active.map(Int32.init), payload: nil)
    }

    /// Takes the sampled tokens of the step under way.
    private func advance(_ tokens: [Int32]) throws -> [StageOutput] {
        guard tokens.count == rows.count else {
            throw StageError.badBatch("\(tokens.count) tokens came back for \(rows.count) sequences")
        }
        for (slot, token) in zip(rows, tokens) {
            let prompt = prompts[slot]!
            if generation.stopTokens.contains(token) {
                stopped[prompt] = 1
                prompts[slot] = nil
            } else {
                answers[prompt].append(token)
                if answers[prompt].count == generation.maxNewTokens { prompts[slot] = nil }
            }
        }
        return [.advanced(task: task)] + (try lead())
    }

    private func follow(_ packet: Packet) throws -> [StageOutput] {
        index = packet.index
        guard packet.integers.first != Step.done.rawValue else { return finish() }
        if packet.integers.first == Step.decode.rawValue { rows = packet.integers.dropFirst().map(Int.init) }
        return try run(packet.integers, payload: packet.payload)
    }

    /// This stage's share of a step.
    private func run(_ step: [Int32], payload: AlignedBuffer?) throws -> [StageOutput] {
        let stage = context.stage
        let y: AlignedBuffer
        let lastRows: [Int]
        if step[0] == Step.prefill.rawValue {
            rows = stride(from: 1, to: step.count, by: 2).map { Int(step[$0]) }
            for i in stride(from: 1, to: step.count, by: 2) {
                prompts[Int(step[i])] = Int(step[i + 1])
                counts[Int(step[i])] = 0
                penalty?.begin(slot: Int(step[i]), prompt: generation.prompts[Int(step[i + 1])])
            }
            let heads = shared > 0 ? [Array(generation.prompts[0].prefix(shared))] : []
            let changed = heads.map { _ in written[0] } + rows.map { written[prompts[$0]!] }
            let batch = try PackedBatch(
                heads.map { ($0, shared, nil) }
                    + rows.map { slot in
                        let rest = Array(generation.prompts[prompts[slot]!].dropFirst(shared))
                        return (rest, rest.count, heads.isEmpty ? nil : 0)
                    },
                firstWritten: changed.map(\.position), isOpposed: changed.map(\.isOpposed))
            let x = try payload ?? stage.embedding!.rows(batch.tokens)
            y = try stage.prefill(x, batch: batch, slots: heads.map { _ in nil } + rows, cache: cache)
            lastRows = batch.spans.dropFirst(heads.count).map { $0.rows.upperBound - 1 }
        } else {
            let last = context.isFirst ? rows.map { answers[prompts[$0]!].last! } : rows.map { _ in Int32(0) }
            let changed = rows.map { written[prompts[$0]!] }
            let batch = DecodeBatch.make(
                tokens: last, positions: rows.map { cache.lengths[$0] }, firstWritten: changed.map(\.position),
                isOpposed: changed.map(\.isOpposed))
            let x = try payload ?? stage.embedding!.rows(batch.tokens)
            y = try stage.decode(x, batch: batch, slots: rows, cache: cache)
            lastRows = Array(rows.indices)
        }
        index += context.isFirst ? 1 : 0
        guard let head = stage.head else {
            return [.packet(Packet(task: task, direction: .forward, index: index, integers: step, payload: y))]
        }
        let tokens = try sample(head, y, rows: lastRows)
        return [
            .packet(Packet(task: task, direction: context.isFirst ? .local : .backward, index: index, integers: tokens))
        ]
    }

    private func sample(_ head: Head, _ y: AlignedBuffer, rows lastRows: [Int]) throws -> [Int32] {
        var tokens = [Int32](repeating: 0, count: lastRows.count)
        try head.forEachLogits(y, rows: lastRows) { tile, logits, _ in
            tokens.withUnsafeMutableBufferPointer { out in
                nonisolated(unsafe) let out = out.baseAddress!
                context.pool.run(tile.count) { i in
                    let slot = rows[tile.lowerBound + i]
                    let row = logits + i * context.config.vocabularySize
                    penalty?.apply(to: row, count: context.config.vocabularySize, slot: slot)
                    out[tile.lowerBound + i] = Sampler.next(
                        row, count: context.config.vocabularySize,
                        temperature: generation.temperature, seed: generation.seed,
                        stream: generation.streams[prompts[slot]!], step: counts[slot])
                }
            }
        }
        for (slot, token) in zip(rows, tokens) {
            counts[slot] += 1
            penalty?.append(token, slot: slot)
        }
        return tokens
    }

    private func finish() -> [StageOutput] {
        var outputs: [StageOutput] = []
        if !context.isLast {
            let done = Packet(task: task, direction: .forward, index: index + 1, integers: [Step.done.rawValue])
            outputs.append(.packet(done))
        }
        guard context.isFirst else { return outputs + [.result(task: task, TensorBundle())] }
        outputs.append(.retired(task: task, index: 0))
        let bundle = TensorBundle(entries: [
            .init(
                name: ResultName.tokens, type: .i32, shape: [answers.reduce(0) { $0 + $1.count }],
                buffer: AlignedBuffer(answers.flatMap { $0 })),
            .init(
                name: ResultName.lengths, type: .i32, shape: [answers.count],
                buffer: AlignedBuffer(answers.map { Int32($0.count) })),
            .init(name: ResultName.stopped, type: .u8, shape: [stopped.count], buffer: AlignedBuffer(bytes: stopped)),
        ])
        return outputs + [.result(task: task, bundle)]
    }
}
