#if canImport(Glibc)
    import Glibc
#endif

/// Seconds that pass evenly, whatever becomes of the wall clock (CLOCK_MONOTONIC). All waiting and measuring goes by it;
/// the wall clock is for what people and other machines read: log lines, days on which keys end.
public enum MonotonicClock {
    /// Seconds since a moment before the process began, the same moment for all processes of a machine.
    public static var now: Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }

    /// Returns after so many seconds, signals or not.
    public static func sleep(seconds: Double) {
        let end = now + seconds
        var left = seconds
        while left > 0 {
            usleep(UInt32(min(left, 0.5) * 1e6))
            left = end - now
        }
    }
}

/// A lock with a condition whose waits end by the monotonic clock; Foundation's and Dispatch's end by the wall clock on
/// Linux, and last hours longer where that is set back.
public final class MonotonicCondition: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    public init() {
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    public func withLock<R>(_ body: () throws -> R) rethrows -> R {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body()
    }

    /// Wakes all that wait.
    public func broadcast() { pthread_cond_broadcast(condition) }

    /// Within `withLock`; also returns without cause, so the caller looks again.
    public func wait() { pthread_cond_wait(condition, mutex) }

    /// The same until a moment of `MonotonicClock`.
    /// - Returns: `false` where the moment has passed.
    public func wait(until deadline: Double) -> Bool {
        let deadline = min(max(0, deadline), 1e9)
        let whole = deadline.rounded(.down)
        var moment = timespec(tv_sec: Int(whole), tv_nsec: min(999_999_999, Int((deadline - whole) * 1e9)))
        return pthread_cond_timedwait(condition, mutex, &moment) != ETIMEDOUT
    }
}
