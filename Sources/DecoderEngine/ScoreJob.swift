import Attribution
import Checkpoint
import Protocol
import Selection
import Stages
import Tensors
import Transformer

/// Statistics of one block: batches go forward, gradients come back where a statistic needs them, and what the collectors
/// saw is the result.
///
/// Batches pass in order in both directions, so a block's sums do not depend on the fleet.
final class ScoreJob: StageJob {
    private let task: UInt64
    private let context: StageContext
    private let batches: [Batch]
    /// The layer whose statistics alone are wanted.
    private let focus: Int?
    /// The loss that is differentiated; `nil`: data only run forward.
    private let loss: Loss?
    private let collectors: [any Collector]
    private let tap: ScoreTap
    private var tapes: [Int: (batch: PackedBatch, tape: Stage.Tape)] = [:]
    private var done = 0
    private var losses: [Float] = []

    /// - Throws: `SelectionError` where a statistic is unknown here; `EngineError`.
    init(_ task: UInt64, _ context: StageContext, statistics: [StatisticRequest], batches: [Batch]) throws {
        self.task = task
        self.context = context
        self.batches = batches
        let layers = Set(statistics.map(\.layer))
        guard layers.count < 2 else { throw EngineError.severalLayers }
        focus = layers.first ?? nil
        let wanted = (focus.map { $0..<$0 + 1 } ?? context.stage.range).clamped(to: context.stage.range)
        // A statistic that is asked for twice is collected once.
        let requests = statistics.enumerated().filter { statistics.firstIndex(of: $1) == $0 }.map(\.element)
        let kinds = try requests.map { try $0.statistic() }
        let losses = Set(kinds.compactMap(\.loss))
        guard losses.count < 2 else { throw EngineError.twoLosses }
        loss = losses.first
        guard loss == nil || context.stage.writer?.keepsGradients ?? true else { throw EngineError.noGradient }
        if let name = Dictionary(grouping: requests, by: \.name).first(where: { $1.count > 1 })?.key {
            throw EngineError.statisticTwice(name)
        }
        collectors = try zip(kinds, requests).map { kind, request in
            try Collectors.make(
                kind,
                CollectorPlace(
                    stage: context.stage, pool: context.pool, layers: wanted, classes: request.classes))
        }
        tap = ScoreTap(collectors)
    }

    /// Nothing above the layer in question has to run forward where no gradient is wanted.
    private var isAbove: Bool { loss == nil && focus.map { $0 < context.stage.range.lowerBound } ?? false }
    /// Nothing below it has to run backward.
    private var isBelow: Bool { focus.map { $0 >= context.stage.range.upperBound } ?? false }

    func begin() throws -> [StageOutput] { batches.isEmpty || isAbove ? [try result()] : [] }

    func receive(_ packet: Packet) throws -> [StageOutput] {
        packet.direction == .backward ? try backward(packet) : try forward(packet)
    }

    private func forward(_ packet: Packet) throws -> [StageOutput] {
        let index = packet.index
        let batch = try context.pack(batches[index])
        let x = try context.input(packet, batch: batch)
        var tape = Stage.Tape()
        let y: AlignedBuffer
        if loss == nil {
            y = try context.stage.forward(x, batch: batch, tap: tap, through: focus)
            if let focus, context.stage.range.contains(focus) { return try retire(index) }
        } else if isBelow {
            y = try context.stage.forward(x, batch: batch, tap: tap)
        } else {
            let keep = context.memory.keepsActivations(
                tokens: batch.rowCount, stages: context.assignment.stageCount, .scoring)
            y = try context.stage.forward(x, batch: batch, tap: tap, tape: &tape, keep: keep)
        }
        guard context.isLast else {
            var outputs: [StageOutput] = [
                .packet(Packet(task: task, direction: .forward, index: index, payload: y))
            ]
            if loss == nil { outputs += try retire(index) } else { tapes[index] = (batch, tape) }
            return outputs
        }
        guard loss != nil else { return try retire(index) }
        let (values, dy) = try context.stage.head!.lossGradient(
            y, batch: batch, weights: weights(batch), tap: Silent(), headGradient: nil)
        for value in values {
            guard value.isFinite else { throw StageError.notFinite("the loss of a calibration example") }
            losses.append(Float(value))
        }
        return try finish(index, batch, &tape, dy)
    }

    private func backward(_ packet: Packet) throws -> [StageOutput] {
        guard let entry = tapes.removeValue(forKey: packet.index) else {
            throw StageError.badBatch("a gradient came for batch \(packet.index), which is not in flight")
        }
        // The batch has come back; what it brings is of no interest here.
        if isBelow { return try passOn(packet.index, nil) }
        guard let dy = packet.payload else { throw StageError.badBatch("batch \(packet.index) came back empty") }
        var tape = entry.tape
        return try finish(packet.index, entry.batch, &tape, dy)
    }

    private func finish(_ index: Int, _ batch: PackedBatch, _ tape: inout Stage.Tape, _ dy: AlignedBuffer) throws
        -> [StageOutput]
    {
        let dx = try context.stage.backward(dy, tape: &tape, batch: batch, tap: tap, downTo: focus)
        let isDone = focus.map { context.stage.range.contains($0) } ?? false
        return try passOn(index, isDone ? nil : dx)
    }

    private func passOn(_ index: Int, _ dx: AlignedBuffer?) throws -> [StageOutput] {
        let outputs: [StageOutput] =
            context.isFirst ? [] : [.packet(Packet(task: task, direction: .backward, index: index, payload: dx))]
        return outputs + (try retire(index))
    }

    private func retire(_ index: Int) throws -> [StageOutput] {
        done += 1
        return [.retired(task: task, index: index)] + (done == batches.count ? [try result()] : [])
    }

    /// Factor on each sequence's NLLs.
    private func weights(_ batch: PackedBatch) -> [Float] {
        var counts = [Int](repeating: 0, count: batch.spans.count)
        for target in batch.targets { counts[target.sequence] += 1 }
        return counts.map { loss == .sum ? 1 : 1 / Float(max(1, $0)) }
    }

    private func result() throws -> StageOutput {
        // Nothing ran, and so nothing was seen, without batches.
        let entries = batches.isEmpty ? [] : try collectors.flatMap { try $0.take() }
        var metadata: [String: String] = [:]
        if context.isLast, loss != nil { metadata[ResultName.losses] = losses.map { "\($0)" }.joined(separator: ",") }
        return .result(task: task, TensorBundle(metadata: metadata, entries: entries))
    }

    /// Scoring trains nothing.
    private final class Silent: Tap {}
}
