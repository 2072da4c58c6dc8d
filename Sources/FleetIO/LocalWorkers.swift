import Foundation
import Scheduling
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
        /// 0: by itself.
        var signal: Int32
        var code: Int32
        var log: String

        var cause: LossCause { signal != 0 ? .killed(signal: signal) : .exited(code: code) }
        /// It said that it cannot take part: it would again.
        var isRefusal: Bool { signal == 0 && code == 2 }
        /// Its last line, where it had time to say why it ended.
        var lastWords: String? { signal == 0 && code != 0 ? LocalWorkers.lastLine(of: log) : nil }
    }

    /// How they are started.
    struct Program {
        var executable: String
        var endpoint: String
        var dataFolder: String
        var threads: Int
        var memoryGiB: Double
        var logFolder: String
        var more: [String] = []
    }

    private(set) var children: [Child] = []
    private var program: Program?
    /// How often a worker was started, by name.
    private var starts: [String: Int] = [:]
    /// One that dies so often before the work begins is not started again.
    static let mostStarts = 3

    /// - Throws: `FleetError` where the program cannot be started.
    func start(_ count: Int, _ program: Program) throws(FleetError) {
        self.program = program
        for index in 1...max(1, count) { try start("worker-\(index)") }
    }

    /// Starts a worker in the place of one that died.
    /// - Returns: `false` where that has been done often enough, or cannot be done.
    func startAgain(_ name: String) -> Bool {
        guard let count = starts[name], count < Self.mostStarts else { return false }
        do throws(FleetError) { try start(name) } catch { return false }
        return true
    }

    private func start(_ name: String) throws(FleetError) {
        guard let program else { return }
        let (executable, log) = (program.executable, "\(program.logFolder)/\(name).log")
        let arguments =
            [
                executable, "--connect", program.endpoint, "--threads", "\(program.threads)", "--memory",
                String(format: "%.3f", program.memoryGiB),
                "--name", name, "--parent", "\(getpid())", "--data-folder", program.dataFolder,
            ] + program.more
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
        starts[name, default: 0] += 1
    }

    /// Children that have ended since the last call.
    func reap() -> [Exit] {
        var exits: [Exit] = []
        children.removeAll { child in
            var status: Int32 = 0
            let reaped = waitpid(child.pid, &status, WNOHANG)
            guard reaped == child.pid || (reaped < 0 && errno == ECHILD) else { return false }
            exits.append(
                Exit(name: child.name, signal: status & 0x7F, code: (status >> 8) & 0xFF, log: child.log))
            return true
        }
        return exits
    }

    func kill(named name: String) {
        for child in children where child.name == name { _ = Glibc.kill(child.pid, SIGKILL) }
    }

    /// The last line a worker wrote: usually why it ended.
    static func lastLine(of log: String) -> String? {
        guard let text = Files.text(log) else { return nil }
        guard let line = text.split(separator: "\n").last else { return nil }
        // With --log-format json, which workers inherit where it comes from the environment.
        let words = line.hasPrefix("{") ? (try? JSON.parse(Array(line.utf8)))?["message"]?.string : nil
        return String((words ?? String(line)).prefix(500))
    }
}
