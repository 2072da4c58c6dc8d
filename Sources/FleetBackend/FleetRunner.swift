package import Checkpoint
import Contracts
package import Evaluation
package import FleetIO
import Foundation
package import ModelService
package import Protocol
package import Reporting
import Scheduling
import Selection
package import Tensors

/// A model on a fleet: turns what a study asks into tasks, and their results into numbers.
///
/// Calls block the calling task while the fleet works; a study makes them one after the other. What the run's journal
/// holds is not computed again, and the fleet's weights are changed only when something has to be computed with them.
package final class FleetRunner: ModelRunner, @unchecked Sendable {
    let fleet: Fleet
    let checkpoint: Checkpoint
    let progress: ProgressLine
    let memory: RunMemory?
    /// A folder of this run alone, removed at the end.
    private let temporary: ScopedTemporaryDirectory?
    private var plan: ModelPlan?
    /// What the next work is to be done with.
    var weights = Weights.edited(nil, name: "unedited", digest: ModelState.checkpoint.identity)
    /// What the workers hold.
    var held: String?
    /// Edits of whole models come between others: the pipelines stay as these need them.
    var leastCopies = 0.0
    /// Fine-tuning as far as it got.
    private(set) lazy var checkpoints = CheckpointStore(memory)

    package init(
        fleet: Fleet, checkpoint: Checkpoint, progress: ProgressLine, memory: RunMemory? = nil,
        temporary: ScopedTemporaryDirectory? = nil
    ) {
        self.fleet = fleet
        self.checkpoint = checkpoint
        self.progress = progress
        self.memory = memory
        self.temporary = temporary
    }

    /// Runs the blocks of all requests on the fleet, and combines a request's partials as soon as its last block is in.
    /// - Returns: what the blocks are known by in the journal.
    /// - Throws: `FleetError` where the work is given up; `SelectionError` where a statistic is unknown, or partials do
    ///   not fit together; `TensorFileError` where a file cannot be read or written; `JournalError`.
    @discardableResult
    package func score(_ requests: [ScoreRequest], label: String) async throws -> ScoreReceipt {
        var tasks: [FleetTask] = []
        var owner: [Int] = []
        for (number, request) in requests.enumerated() {
            for block in request.blocks {
                tasks.append(
                    FleetTask(
                        body: .score(statistics: request.statistics, batches: block),
                        cost: Double(block.reduce(0) { $0 + $1.tokenCount })))
                owner.append(number)
            }
        }
        var partials: [[[StageResult]]] = requests.map { _ in [] }
        let statistics = try requests.map { try $0.statistics.map { try $0.statistic() } }
        let keys = try run(
            tasks, label: label,
            copies: try ModelPlan.Copies.statistics(of: requests, checkpoint.config)
        ) { task, results in
            let number = owner[task]
            partials[number].append(results)
            // A request is combined as soon as its last block is in, which bounds the disk the partials take.
            guard partials[number].count == requests[number].blocks.count else { return }
            try blockResults.combine(partials[number], of: statistics[number], to: requests[number].output)
            partials[number] = []
        }
        return ScoreReceipt(keys: keys)
    }

    /// Takes a scoring job's blocks off the record.
    /// - Throws: `JournalError` where the database is damaged or cannot be written.
    package func release(_ receipt: ScoreReceipt) throws { try memory?.forget(receipt.keys) }

    var blockResults: BlockResults { BlockResults(keepsFiles: memory != nil) }

    /// Log-probabilities of every scored token, in nats: one entry a sequence, in the batches' order.
    /// - Throws: `FleetError` where the work is given up; `InternalError` where a result does not fit its batch;
    ///   `JournalError`.
    package func likelihood(_ batches: [Batch], label: String) async throws -> [SequenceScore] {
        var scores: [SequenceScore] = []
        try run(
            batches.map { FleetTask(body: .likelihood(batches: [$0]), cost: Double($0.tokenCount)) }, label: label
        ) { task, results in
            guard let bundle = try results.last?.load(), let values = bundle[ResultName.logProbability],
                let hits = bundle[ResultName.greedy],
                let split = SequenceScore.split(
                    logProbabilities: values.buffer.floatArray(), greedy: hits.buffer.byteArray().map { $0 != 0 },
                    over: batches[task].sequences)
            else { throw InternalError("a worker's log-probabilities do not fit the batch it was sent") }
            scores += split
        }
        return scores
    }

    /// Token ids of every answer, without its stop token, group by group in order.
    /// - Throws: `FleetError` where the work is given up; `InternalError` where a result is no list of answers;
    ///   `JournalError`.
    package func generate(_ groups: [TaskBody.Generation], label: String) async throws -> [[Int32]] {
        var answers: [[Int32]] = []
        try run(
            groups.map { group in
                let prompts = group.prompts.reduce(0) { $0 + $1.count }
                return FleetTask(
                    body: .generate(group), cost: Double(prompts + group.prompts.count * group.maxNewTokens))
            }, label: label
        ) { task, results in
            guard let bundle = try results.first?.load(), let tokens = bundle[ResultName.tokens],
                let lengths = bundle[ResultName.lengths]
            else { throw InternalError("a worker's answer to a generation task holds no tokens") }
            let all = tokens.buffer.int32Array()
            var start = 0
            for length in lengths.buffer.int32Array().map(Int.init) {
                guard length >= 0, start + length <= all.count else {
                    throw InternalError("a worker's answer lengths do not fit its tokens")
                }
                answers.append(Array(all[start..<start + length]))
                start += length
            }
        }
        return answers
    }

    /// Makes a model current. Workers get it with the next task.
    /// - Throws: `ProtocolError` where a training request is too large to be sent.
    package func use(_ state: ModelState) async throws {
        switch state.kind {
        case .checkpoint: weights = .edited(nil, name: "unedited", digest: state.identity)
        case .edited(let edit):
            weights = .edited(edit.bundle, name: type(of: edit).title, digest: state.identity)
        case .trained(let request):
            weights = .trained(try fineTuning(request, state), rewound: request.rewind.map(Self.bits))
        }
    }

    /// Takes off the record what this run did not ask for.
    /// - Throws: `JournalError` where the database is damaged or cannot be written.
    package func concluded() throws { try memory?.conclude() }

    package func shutdown() async { end() }

    /// What is under way ends: see `Fleet.stop`.
    package func stop(within seconds: Double) { fleet.stop(within: seconds) }

    /// Leaves everything as it is, but for what is temporary.
    package func abandon() {
        progress.end()
        fleet.abandon()
        temporary?.remove()
    }

    /// Ends the workers and removes what is temporary.
    package func end() {
        progress.end()
        fleet.shutdown()
        memory?.report(.ended)
        memory?.close()
        temporary?.remove()
    }

    // MARK: Fleet

    /// Makes the workers hold what `weights` says; does nothing where they do.
    /// - Parameter copies: how many times the weights' memory the work takes.
    func ready(copies: Double) throws {
        switch weights {
        case .edited(let bundle, let name, let digest): try hold(bundle, name, digest, copies)
        case .operands(let bundle, let digest): try hold(bundle, Operands.title, digest, copies)
        case .trained(let run, let mask):
            guard held != weights.digest else { return }
            try restore(run, rewound: mask, copies: copies, digest: weights.digest)
        }
    }

    private func hold(_ edit: TensorBundle?, _ name: String, _ digest: String, _ copies: Double) throws {
        try use(copies: max(copies, leastCopies), onePipeline: false)
        guard held != digest else { return }
        held = nil
        try fleet.apply(edit: edit, name: name)
        held = digest
    }

    func use(copies: Double, onePipeline: Bool) throws {
        var wanted = ModelPlan(checkpoint.config, path: checkpoint.path, copies: copies, onePipeline: onePipeline)
        wanted.content = ModelPlan.Content(digest: try checkpoint.digest()) { [checkpoint] layers, isFirst, isLast in
            checkpoint.digest(layers: layers, isFirst: isFirst, isLast: isLast)
        }
        guard wanted != plan else { return }
        (plan, held) = (nil, nil)
        try fleet.use(model: wanted)
        plan = wanted
    }

    /// Runs tasks with the current weights; those that the journal knows are not run again.
    /// - Parameters:
    ///   - reduction: makes of a task's results what is recorded and handed on in their place.
    ///   - committed: called in index order.
    /// - Returns: what the tasks are known by in the journal; empty where there is none.
    @discardableResult
    func run(
        _ tasks: [FleetTask], label: String, unit: String = "tokens", copies: Double = ModelPlan.Copies.reading,
        reduction: Reduction? = nil, committed: (Int, [StageResult]) throws -> Void
    ) throws -> [String] {
        guard !tasks.isEmpty else { return [] }
        // A body that cannot be encoded fails when it is sent, with the reason.
        let contents = memory == nil ? [] : tasks.map { (try? $0.body.digest()) ?? "" }
        let keys = try self.keys(of: contents.map { $0 + (reduction.map { " \($0.identity)" } ?? "") })
        var known: [Int: [StageResult]] = [:]
        for (index, key) in keys.enumerated() { known[index] = try memory?.results(of: key) }
        let missing = tasks.indices.filter { known[$0] == nil }
        var next = 0
        func deliverKnown() throws {
            while let results = known.removeValue(forKey: next) {
                try committed(next, results)
                next += 1
            }
        }
        try deliverKnown()
        guard !missing.isEmpty else {
            progress.note("\(label): on record")
            return keys
        }
        try ready(copies: copies)
        let pending = missing.map { index in
            var task = tasks[index]
            task.name = "\(label) \(index + 1)"
            if memory != nil { task.content = contents[index] }
            task.contract = TaskContract(task.body, of: checkpoint, operands: operands)
            return task
        }
        var reduced: [Int: [StageResult]] = [:]
        try runOnFleet(pending, label: label, unit: unit) { recorded in
            var recorded = recorded
            if let reduction {
                for place in recorded.indices {
                    let number = recorded[place].index
                    recorded[place].results = try reduction.body(missing[number], recorded[place].results)
                    reduced[number] = recorded[place].results
                }
            }
            // At once, not in its turn: what is finished is not computed again.
            try memory?.commit(
                recorded.map {
                    RunMemory.Entry(key: keys[missing[$0.index]], label: pending[$0.index].name, results: $0.results)
                })
        } committed: { number, results in
            let index = missing[number]
            try committed(index, reduced.removeValue(forKey: number) ?? results)
            next = index + 1
            try deliverKnown()
        }
        return keys
    }

    /// What tasks at the level of ranks compute with.
    private var operands: TensorBundle? {
        if case .operands(let bundle, _) = weights { bundle } else { nil }
    }

    private func runOnFleet(
        _ tasks: [FleetTask], label: String, unit: String, recorded: ([Fleet.Recorded]) throws -> Void = { _ in },
        committed: (Int, [StageResult]) throws -> Void
    ) throws {
        let total = tasks.reduce(0.0) { $0 + $1.cost }
        progress.begin(label, total: Int(total), unit: unit)
        defer { progress.end() }
        try fleet.run(
            tasks, label: label, progress: { [progress] in progress.update(Int($0.costDone)) }, recorded: recorded,
            committed: committed)
    }

    // MARK: What a task is known by

    /// The fleet's level. Before the workers have agreed on one, something that no other fleet has.
    package var kernels: String { fleet.level?.rawValue ?? UUID().uuidString }

    /// Model, weights, what to compute, and what may change its last bits; a task that comes twice has two keys.
    /// - Parameter contents: digests of the tasks' bodies.
    func keys(of contents: [String]) throws -> [String] {
        let whole = (try common() + [weights.digest]).joined(separator: "\n")
        var seen: [String: Int] = [:]
        return contents.map { content in
            let key = Digest.sha256(Array("\(whole)\n\(content)".utf8))
            seen[key, default: 0] += 1
            return "\(key)-\(seen[key]!)"
        }
    }

    /// What every key has.
    func common() throws -> [String] { [Release.version, try checkpoint.digest(), kernels] }
}

extension FleetError: ModelRunnerFailure {}
