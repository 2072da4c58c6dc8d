import Glibc
import Synchronization

/// A few threads that share out the tiles of one job at a time.
///
/// Tiles are cut by the caller from shapes alone; which thread takes which tile is left to chance. So a result depends
/// on the tiles, never on the number of threads.
public final class ThreadPool: @unchecked Sendable {
    /// Threads that compute, the caller's included.
    public let threadCount: Int
    private var mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private var wake = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var done = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var threads: [pthread_t] = []
    // Guarded by `mutex`.
    private var job: (@Sendable (Int) -> Void)?
    private var generation = 0
    private var running = 0
    private var stopping = false
    private let next = Atomic<Int>(0)
    private let limit = Atomic<Int>(0)

    public init(threads count: Int) {
        precondition(count > 0, "a pool needs at least one thread, got \(count)")
        threadCount = count
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(wake, nil)
        pthread_cond_init(done, nil)
        for _ in 1..<max(1, count) {
            var thread = pthread_t()
            let status = pthread_create(
                &thread, nil,
                { raw in
                    Unmanaged<ThreadPool>.fromOpaque(raw!).takeUnretainedValue().serve()
                    return nil
                }, Unmanaged.passUnretained(self).toOpaque())
            precondition(status == 0, "could not start a compute thread: error \(status)")
            threads.append(thread)
        }
    }

    deinit {
        pthread_mutex_lock(mutex)
        stopping = true
        pthread_cond_broadcast(wake)
        pthread_mutex_unlock(mutex)
        for thread in threads { pthread_join(thread, nil) }
        pthread_cond_destroy(wake)
        pthread_cond_destroy(done)
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
        wake.deallocate()
        done.deallocate()
    }

    /// Runs `body` for every tile in `0..<tiles` and returns when all are done. Not to be nested.
    public func run(_ tiles: Int, _ body: (Int) -> Void) {
        guard tiles > 1, threadCount > 1 else {
            for tile in 0..<max(0, tiles) { body(tile) }
            return
        }
        withoutActuallyEscaping(body) { escaping in
            nonisolated(unsafe) let shared = escaping
            pthread_mutex_lock(mutex)
            job = { shared($0) }
            next.store(0, ordering: .relaxed)
            limit.store(tiles, ordering: .relaxed)
            generation += 1
            running = threads.count
            pthread_cond_broadcast(wake)
            pthread_mutex_unlock(mutex)
            take { shared($0) }
            pthread_mutex_lock(mutex)
            while running > 0 { pthread_cond_wait(done, mutex) }
            job = nil
            pthread_mutex_unlock(mutex)
        }
    }

    /// Splits `0..<count` into runs of `size` (the last may be shorter).
    public func run(over count: Int, by size: Int, _ body: (Range<Int>) -> Void) {
        run((count + size - 1) / size) { body($0 * size..<min(count, ($0 + 1) * size)) }
    }

    private func take(_ body: (Int) -> Void) {
        let last = limit.load(ordering: .relaxed)
        while true {
            let tile = next.wrappingAdd(1, ordering: .relaxed).oldValue
            if tile >= last { return }
            body(tile)
        }
    }

    private func serve() {
        var seen = 0
        pthread_mutex_lock(mutex)
        while true {
            while generation == seen, !stopping { pthread_cond_wait(wake, mutex) }
            if stopping { break }
            seen = generation
            let body = job!
            pthread_mutex_unlock(mutex)
            take(body)
            pthread_mutex_lock(mutex)
            running -= 1
            if running == 0 { pthread_cond_signal(done) }
        }
        pthread_mutex_unlock(mutex)
    }
}
