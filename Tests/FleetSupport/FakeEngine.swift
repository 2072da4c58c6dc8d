import Foundation
package import Protocol
package import Stages
package import Tensors

/// An engine whose "layers" are exact integer steps on every token, so that results depend on data, task, edit and all
/// layers in order, but not on how the layers are shared out.
package final class FakeEngine: StageEngine {
    private struct Job {
        var body: TaskBody
        var done = 0
        var sums: [Int: [Float]] = [:]
    }

    private var assignment: StageAssignment?
    private var jobs: [UInt64: Job] = [:]
    private var edit: Float = 0
    private var trained: Float = 0
    /// Called before every call that computes; a test may throw, block or end the worker there.
    private let hook: @Sendable (_ call: String, _ task: UInt64) throws -> Void
    /// Size of a scoring task's result, in floats a layer.
    private let resultFloats: Int

    package init(resultFloats: Int = 8, hook: @escaping @Sendable (String, UInt64) throws -> Void = { _, _ in }) {
        self.resultFloats = resultFloats
        self.hook = hook
    }

    package func load(_ assignment: StageAssignment) throws {
        try hook("load", 0)
        self.assignment = assignment
        (jobs, edit, trained) = ([:], 0, 0)
    }

    package func apply(edit: TensorBundle?) throws {
        self.edit = 0
        trained = 0
        guard let edit, let assignment else { return }
        for entry in edit.entries {
            let layer = Int(entry.name.split(separator: ".")[2])!
            precondition(assignment.layers.contains(layer), "an edit of another stage's layer")
            self.edit += Float(layer + 1)
        }
    }

    package func begin(task: UInt64, body: TaskBody) throws -> [StageOutput] {
        try hook("begin", task)
        jobs[task] = Job(body: body)
        switch body {
        case .export, .checkpoint, .ranks: return finish(task)
        default: return []
        }
    }

    package func abort(task: UInt64) { jobs[task] = nil }

    package func receive(_ packet: Packet) throws -> [StageOutput] {
        guard let job = jobs[packet.task], let assignment else { return [] }
        try hook(packet.direction == .forward ? "forward" : "backward", packet.task)
        let batches: [Batch]
        var backward = false
        switch job.body {
        case .score(_, let all): (batches, backward) = (all, true)
        case .likelihood(let all), .nextTokens(let all, _): batches = all
        case .train(let training): (batches, backward) = (training.steps.flatMap { $0 }, true)
        case .generate, .export, .checkpoint, .ranks: return []
        }
        let goesBack = packet.direction != .forward
        var values =
            packet.payload.map { Array($0.floats) }
            ?? batches[packet.index].sequences.flatMap { $0.tokens.map { Float($0) } }
        for layer in goesBack ? assignment.layers.reversed() : Array(assignment.layers) {
            for index in values.indices {
                values[index] = Float((Int(values[index]) * 3 + layer + 1 + Int(trained)) % 8191)
            }
            let sum = Float(Int(values.reduce(0) { $0 + Int($1) }) % 1021)
            jobs[packet.task]!.sums[layer, default: [0, 0]][goesBack ? 1 : 0] += sum
        }
        let direction: Packet.Direction? =
            if goesBack { assignment.isFirst ? nil : .backward } else if !assignment.isLast {
                .forward
            } else if backward {
                assignment.isFirst ? .local : .backward
            } else { nil }
        // The last stage turns a batch round: it passes its own layers backward at once, unless it is also the first.
        if !goesBack, assignment.isLast, backward, !assignment.isFirst {
            var turned = packet
            (turned.direction, turned.payload) = (.local, AlignedBuffer(values))
            return [.packet(turned)]
        }
        var outputs: [StageOutput] = []
        if let direction {
            outputs.append(
                .packet(
                    Packet(
                        task: packet.task, direction: direction, index: packet.index,
                        integers: packet.integers + [Int32(assignment.stageIndex)], payload: AlignedBuffer(values))))
        }
        return goesBack || !backward ? outputs + retire(packet, batches.count) : outputs
    }

    private func retire(_ packet: Packet, _ count: Int) -> [StageOutput] {
        jobs[packet.task]!.done += 1
        let outputs: [StageOutput] = [.retired(task: packet.task, index: packet.index)]
        return jobs[packet.task]!.done == count ? outputs + finish(packet.task) : outputs
    }

    private func finish(_ task: UInt64) -> [StageOutput] {
        let job = jobs.removeValue(forKey: task)!
        if case .train(let training) = job.body { trained = Float(training.firstStep + training.steps.count) }
        let entries = assignment!.layers.map { layer in
            let buffer = AlignedBuffer(floats: resultFloats)
            for (index, value) in (job.sums[layer] ?? [trained, 7]).enumerated() where index < resultFloats {
                buffer.floats[index] = value
            }
            return TensorBundle.Entry(
                name: "model.layers.\(layer).x", type: .f32, shape: [resultFloats], buffer: buffer)
        }
        return [
            .result(
                task: task,
                TensorBundle(
                    entries: entries + [
                        .init(
                            name: "edit.\(assignment!.stageIndex)", type: .f32, shape: [1],
                            buffer: AlignedBuffer([edit]))
                    ]))
        ]
    }
}
