import Foundation

/// What the process may still open, start and map. libzmq ends the whole program where it does not get what it needs, so
/// this is asked before.
public enum ProcessLimits {
    /// What is short, where, and what to do about it, in one line.
    public struct Shortage: Error, Sendable, Equatable, CustomStringConvertible {
        public var description: String
    }

    /// Raises the limit of open files as far as it goes, and tries whether so much can be had.
    /// - Parameters:
    ///   - descriptors: files and sockets beside those that are open.
    ///   - threads: threads beside those that run.
    ///   - bytes: address space.
    /// - Throws: `Shortage`.
    public static func require(descriptors: Int, threads: Int, bytes: Int) throws(Shortage) {
        let most = raiseDescriptors()
        let free = openable(upTo: descriptors)
        guard free >= descriptors else {
            throw Shortage(
                description: "only \(free) more files and sockets can be opened, and \(descriptors) are needed: "
                    + "raise the limit of open files, which is \(most) (ulimit -n \(most - free + descriptors))")
        }
        guard isMappable(bytes) else {
            throw Shortage(
                description: "\(bytes >> 20) MiB of address space are needed and not to be had: "
                    + "raise the limit of virtual memory (ulimit -v unlimited)")
        }
        let started = startable(upTo: threads)
        guard started >= threads else {
            throw Shortage(
                description: "only \(started) more threads can be started, and \(threads) are needed: "
                    + "raise the limit of processes (ulimit -u), or that of the container")
        }
    }

    /// Bytes of address space that the process may have; `nil`: no limit.
    public static var addressSpace: Int? {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0, limit.rlim_cur < 1 << 60 else {
            return nil
        }
        return Int(limit.rlim_cur)
    }

    /// - Returns: the limit that holds now.
    private static func raiseDescriptors() -> Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1024 }
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        return Int(clamping: limit.rlim_cur)
    }

    private static func openable(upTo count: Int) -> Int {
        var opened: [Int32] = []
        defer { for descriptor in opened { close(descriptor) } }
        while opened.count < count {
            let descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else { break }
            opened.append(descriptor)
        }
        return opened.count
    }

    private static func isMappable(_ bytes: Int) -> Bool {
        guard bytes > 0 else { return true }
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        guard let address = mmap(nil, bytes, PROT_READ | PROT_WRITE, flags, -1, 0), address != MAP_FAILED else {
            return false
        }
        munmap(address, bytes)
        return true
    }

    /// Threads that all live at the same time, for a moment.
    private static func startable(upTo count: Int) -> Int {
        let gate = Gate()
        var threads: [pthread_t] = []
        while threads.count < count {
            var thread = pthread_t()
            let held = Unmanaged.passRetained(gate)
            let status = pthread_create(
                &thread, nil,
                { argument in
                    Unmanaged<Gate>.fromOpaque(argument!).takeRetainedValue().pass()
                    return nil
                }, held.toOpaque())
            guard status == 0 else {
                held.release()
                break
            }
            threads.append(thread)
        }
        gate.open()
        for thread in threads { pthread_join(thread, nil) }
        return threads.count
    }

    /// Holds whoever passes until it is opened.
    private final class Gate: @unchecked Sendable {
        private let lock = NSLock()
        init() { lock.lock() }
        func open() { lock.unlock() }
        func pass() { lock.withLock {} }
    }
}
