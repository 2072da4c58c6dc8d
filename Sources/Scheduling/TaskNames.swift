import Protocol

/// What workers call the run's tasks: an epoch, and a number that no other task of the run ever has.
struct TaskNames: Sendable {
    /// Numbers begin above those of all tasks before.
    private var base: UInt64
    /// Tasks that go on under the numbers of an earlier start of the run.
    private var aliases: [TaskKey: Int] = [:]

    init(above base: UInt64) { self.base = base }

    /// The key of a task of the present list.
    func key(_ epoch: UInt64, _ task: Int) -> TaskKey {
        aliases.first { $0.value == task && $0.key.epoch == epoch }?.key
            ?? TaskKey(epoch: epoch, task: base + UInt64(task))
    }

    /// - Parameter count: tasks of the present list.
    /// - Returns: the task's place in the present list; `nil`: it is none of it.
    func index(of key: TaskKey, count: Int?) -> Int? {
        if let index = aliases[key] { return index }
        guard let count, key.task >= base, key.task - base < UInt64(count) else { return nil }
        return Int(key.task - base)
    }

    /// The task keeps the name it had in an earlier start of the run.
    mutating func keep(_ key: TaskKey, for task: Int) { aliases[key] = task }

    /// The list is over. Its numbers are never used again: what was called off cannot be taken for what comes.
    mutating func retire(_ count: Int) {
        aliases = [:]
        base += UInt64(count)
    }
}
