package import Protocol
package import Tensors

/// The tasks that a worker computes or has computed for its assignment, until the coordinator needs them no more. No I/O.
package struct HeldTasks: Sendable {
    /// Tasks begun since the assignment, those that are over included: none is begun twice.
    private var begun: Set<UInt64> = []
    /// Digests of the bodies of tasks that are held.
    private var contents: [TaskKey: String] = [:]
    /// Results that are held, and their digests.
    private var results: [TaskKey: TensorBundle.Image] = [:]
    private var digests: [TaskKey: String] = [:]
    /// Batches behind this stage, for each task under way.
    package private(set) var progress: [UInt64: Int] = [:]

    /// As many as a coordinator ever has under way on one worker, with room to spare.
    private static let mostListed = 1024

    package init() {}

    package func hasBegun(_ task: UInt64) -> Bool { begun.contains(task) }

    /// The task is under way, no result of it made yet.
    package func isUnderWay(_ task: UInt64) -> Bool { progress[task] != nil }

    /// - Parameter content: SHA-256 of the task's body.
    package mutating func begin(_ key: TaskKey, content: String) {
        begun.insert(key.task)
        contents[key] = content
        progress[key.task] = 0
    }

    /// One batch more is behind this stage.
    package mutating func advance(_ task: UInt64) { progress[task]? += 1 }

    /// A result was made.
    /// - Returns: `false` where the task was called off while it was computed; then nothing is kept.
    package mutating func finish(_ key: TaskKey, _ image: TensorBundle.Image, digest: String) -> Bool {
        progress[key.task] = nil
        guard contents[key] != nil else { return false }
        (results[key], digests[key]) = (image, digest)
        return true
    }

    /// The bytes of a result that is held.
    package func result(of key: TaskKey) -> TensorBundle.Image? { results[key] }

    /// The task was called off, or failed.
    package mutating func drop(_ key: TaskKey) {
        progress[key.task] = nil
        forget(key)
    }

    /// The coordinator has recorded the task.
    package mutating func forget(_ key: TaskKey) { (results[key], contents[key], digests[key]) = (nil, nil, nil) }

    /// The weights change: what is held is of no use any more.
    /// - Returns: the tasks that were still computed.
    package mutating func dropAll() -> [TaskKey] {
        let unfinished = contents.keys.filter { results[$0] == nil }
        for key in unfinished { progress[key.task] = nil }
        (results, contents, digests) = ([:], [:], [:])
        return unfinished
    }

    /// What a hello says of them, in the order of the tasks.
    package var list: [Holding] {
        contents.sorted { $0.key.task < $1.key.task }.prefix(Self.mostListed).map { key, content in
            Holding(key: key, content: content, digest: digests[key], byteCount: results[key]?.byteCount ?? 0)
        }
    }
}
