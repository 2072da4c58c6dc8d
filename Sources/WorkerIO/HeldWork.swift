package import Protocol

/// What a worker holds for a run, and what outlives a session: its assignment, the edit, tasks under way and finished
/// results, until a coordinator says otherwise. No I/O.
package struct HeldWork: Sendable {
    /// The run whose work this is.
    private var run: String?
    package private(set) var assignment: Assignment?
    /// The assignment's. Stored, since the optimiser of Swift 6.3.1 does not compile `assignment?.epoch` everywhere.
    package private(set) var epoch: UInt64?
    private var highestEpoch: UInt64 = 0
    /// The engine has loaded the assignment's weights.
    package var isLoaded = false
    package var tasks = HeldTasks()
    package var edit = HeldEdit()

    package init() {}

    /// Whether an assignment of this epoch is the newest one so far; from now on it is not.
    package mutating func isNew(_ epoch: UInt64) -> Bool {
        guard epoch > highestEpoch else { return false }
        highestEpoch = epoch
        return true
    }

    /// A new assignment begins with nothing.
    package mutating func begin(_ new: Assignment) {
        assignment = new
        epoch = new.epoch
        clear()
    }

    private mutating func clear() { (tasks, edit, isLoaded) = (HeldTasks(), HeldEdit(), false) }

    /// Whether what is held is of no use to a coordinator that welcomes this worker again: another run's numbers begin
    /// anew, and what an older coordinator gave out it does not ask for again.
    package func isForeign(to run: String?) -> Bool { run == nil || run != self.run }

    /// The run that the worker is welcome in.
    package mutating func belongs(to run: String?) { self.run = run }

    /// Drops everything.
    /// - Returns: the epoch after all that were held.
    package mutating func forgetEverything() -> UInt64 {
        let newest = max(epoch ?? 0, highestEpoch)
        if run != nil { highestEpoch = 0 }
        assignment = nil
        epoch = nil
        clear()
        return newest + 1
    }

    /// What a hello says of it; `nil` where there is nothing.
    package var resumable: ResumableWork? {
        guard let assignment, let run else { return nil }
        var work = ResumableWork(run: run, assignment: assignment)
        work.isLoaded = isLoaded
        edit.list(in: &work)
        work.tasks = tasks.list
        return work
    }
}
