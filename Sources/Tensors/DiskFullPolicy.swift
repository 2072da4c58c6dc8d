import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// What this program does where the disk is full or read-only: its writes fail, unless it would rather wait.
public enum DiskFullPolicy {
    private struct State {
        var say: (@Sendable (String) -> Void)?
        var isOver = false
    }

    private static let state = Mutex(State())

    /// From now on `AtomicFile` waits for room.
    /// - Parameter say: gets a line where it begins to wait, twice a minute while it does, and where it goes on.
    public static func wait(saying say: @escaping @Sendable (String) -> Void) {
        state.withLock { $0 = State(say: say) }
    }

    /// Writes that wait fail, so that the program can end.
    public static func end() { state.withLock { $0.isOver = true } }

    fileprivate static var saying: (@Sendable (String) -> Void)? { state.withLock { $0.isOver ? nil : $0.say } }
}

/// One write's wait for room on the disk.
struct DiskPause {
    let path: String
    private var waits = 0

    init(_ path: String) { self.path = path }

    /// - Parameter error: why the write failed.
    /// - Returns: whether to try again; by then some time has passed.
    mutating func again(after error: Int32) -> Bool {
        defer { errno = error }
        guard [ENOSPC, EDQUOT, EROFS].contains(error), let say = DiskFullPolicy.saying else { return false }
        if waits % 30 == 0 {
            let words = error == EROFS ? "read-only" : "full"
            say("\(path): the disk is \(words); paused until it is not: free some space")
        }
        waits += 1
        for _ in 0..<10 {
            usleep(100_000)
            if DiskFullPolicy.saying == nil { return false }
        }
        return true
    }

    /// The write succeeded.
    mutating func over() {
        if waits > 0 { DiskFullPolicy.saying?("\(path): the disk takes data again; going on") }
        waits = 0
    }
}
