import Foundation
import Tensors

/// The workers that this program starts itself, as child processes.
final class LocalWorkers {
    struct Child {
        var name: String
        var pid: pid_t
        var log: String
    }

    /// A child that ended, and how.
    struct Exit {
        var name: String
        var cause: String
        /// By a signal other than SIGTERM, or with an exit code that is a failure.
        var crashed: Bool
        var log: String
    }

    private(set) var children: [Child] = []

    /// - Throws: `FleetError` where the program cannot be started.
    func start(
        _ count: Int, executable: String, endpoint: String, dataFolder: String, threads: Int, memoryGiB: Double,
        logFolder: String, more: [String] = []
    ) throws {
        for index in 1...count {
            let name = "worker-\(index)"
            let log = "\(logFolder)/\(name).log"
            let arguments =
                [
                    executable, "--connect", endpoint, "--threads", "\(threads)", "--memory",
                    String(format: "%.3f", memoryGiB),
                    "--name", name, "--parent", "\(getpid())", "--data-folder", dataFolder,
                ] + more
            var actions = posix_spawn_file_actions_t()
            posix_spawn_file_actions_init(&actions)
            defer { posix_spawn_file_actions_destroy(&actions) }
            posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
            posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0o644)
            posix_spawn_file_actions_adddup2(&actions, 1, 2)
            var attributes = posix_spawnattr_t()
            posix_spawnattr_init(&attributes)
            defer { posix_spawnattr_destroy(&attributes) }
            // Their own group: a Ctrl-C reaches this program alone, which then ends them in order.
            posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
            var pointers = arguments.map { strdup($0) } + [nil]
            defer { for pointer in pointers { free(pointer) } }
            var pid: pid_t = 0
            let status = posix_spawnp(&pid, executable, &actions, &attributes, &pointers, environ)
            guard status == 0 else {
                throw FleetError("\(executable): cannot start a worker: \(String(cString: strerror(status)))")
            }
            children.append(Child(name: name, pid: pid, log: log))
        }
    }

    /// Children that have ended since the last call.
    func reap() -> [Exit] {
        var exits: [Exit] = []
        children.removeAll { child in
            var status: Int32 = 0
            let reaped = waitpid(child.pid, &status, WNOHANG)
            guard reaped == child.pid || (reaped < 0 && errno == ECHILD) else { return false }
            let signal = status & 0x7F
            let code = (status >> 8) & 0xFF
            let cause = signal != 0 ? "was ended by signal \(signal)" : "ended with exit code \(code)"
            exits.append(
                Exit(
                    name: child.name, cause: cause, crashed: signal != SIGTERM && (signal != 0 || code != 0),
                    log: child.log))
            return true
        }
        return exits
    }

    func kill(named name: String) {
        for child in children where child.name == name { _ = Glibc.kill(child.pid, SIGKILL) }
    }

    /// The last line a worker wrote: usually why it ended.
    static func lastLine(of log: String) -> String? {
        guard let text = try? String(contentsOfFile: log, encoding: .utf8) else { return nil }
        guard let line = text.split(separator: "\n").last else { return nil }
        // With --log-format json, which workers inherit where it comes from the environment.
        let words = line.hasPrefix("{") ? (try? JSON.parse(Array(line.utf8)))?["message"]?.string : nil
        return String((words ?? String(line)).prefix(500))
    }
}
