import Foundation
import Linalg
package import Tensors

/// The kernel level of this process.
///
/// Libraries read their settings when they are loaded. So a program that computes starts itself again where it was started
/// with other settings than its level's.
package enum ProcessKernels {
    /// No level can be run here, or not the one that was asked for.
    package struct Unavailable: Error, Sendable, Equatable, CustomStringConvertible {
        package let description: String
        package init(_ description: String) { self.description = description }
    }

    /// Has this process run at the highest level that its CPU and its libraries have and whose kernels pass their
    /// self-test.
    /// - Parameters:
    ///   - asked: not above this one; the CPU has to have it.
    ///   - leftOut: gets a line for every level that is left out.
    /// - Throws: `Unavailable`.
    package static func begin(
        at asked: KernelLevel? = nil, leftOut: (String) -> Void
    ) throws(Unavailable) -> KernelLevel {
        let note = getenv(RestartNote.variable).flatMap { RestartNote(String(cString: $0)) }
        unsetenv(RestartNote.variable)
        let known = note?.leftOut ?? [:]
        let choice = try choose(asked, highest: .highest) { (level: KernelLevel) in known[level] ?? ownFault(level) }
        try enter(choice.level, note)
        choice.failures.forEach(leftOut)
        return choice.level
    }

    /// - Parameter fault: why a level cannot be run; `nil`: it can.
    /// - Returns: the level, and a line for every higher one that is left out.
    /// - Throws: `Unavailable` where the CPU does not have the level, or where none can be run.
    package static func choose(
        _ asked: KernelLevel?, highest: KernelLevel, fault: (KernelLevel) -> String?
    ) throws(Unavailable) -> (level: KernelLevel, failures: [String]) {
        if let asked, asked > highest {
            throw Unavailable("--level \(asked): the highest kernel level of this machine's CPU is \(highest)")
        }
        var failures: [String] = []
        for level in KernelLevel.allCases.reversed() where level <= asked ?? highest {
            guard let fault = fault(level) else { return (level, failures) }
            failures.append("kernel level \(level) is left out: \(fault)")
        }
        throw Unavailable(failures.joined(separator: "; "))
    }

    /// What our own kernels lack at a level.
    private static func ownFault(_ level: KernelLevel) -> String? {
        level.failingKernel.map { "its kernel \($0) does not give what plain loops give" }
    }

    /// What the libraries lack at the level that this process's own kernels run at, and which levels that excludes.
    private static func libraryFault(_ level: KernelLevel) -> (excluded: [KernelLevel], fault: String)? {
        let core = KernelEnvironment(level).core
        guard BLAS.coreName == core else {
            let fault = "it takes OpenBLAS's kernels \(core), and this OpenBLAS has \(BLAS.coreName) in their place"
            return (KernelLevel.allCases.filter { KernelEnvironment($0).core == core }, fault)
        }
        // Without it other kernels would round otherwise than those of the fleet's other workers.
        guard level >= .avx512, let reason = OneDNN.reasonAgainst else { return nil }
        return (OneDNN.version == nil ? KernelLevel.allCases.filter { $0 >= .avx512 } : [level], reason)
    }

    /// - Parameter note: of the process before this one, if that started itself again.
    private static func enter(_ level: KernelLevel, _ note: RestartNote?) throws(Unavailable) {
        let changes = KernelEnvironment(level).changes(in: ProcessInfo.processInfo.environment)
        var next = RestartNote(level: level, leftOut: note?.leftOut ?? [:])
        if !changes.isEmpty {
            guard note?.level != level else {
                let names = changes.keys.sorted().joined(separator: ", ")
                throw Unavailable("this program cannot start with settings of its own: \(names) stay as they are")
            }
            throw Unavailable(restart(CommandLine.arguments, next))
        }
        level.use()
        if let (excluded, fault) = libraryFault(level) {
            for other in excluded { next.leftOut[other] = fault }
            throw Unavailable(restart(CommandLine.arguments, next))
        }
    }

    /// Replaces this process by one that runs at a lower level.
    /// - Returns: only where that fails, with the reason.
    package static func restart(at level: KernelLevel) -> String {
        restart(arguments(CommandLine.arguments, at: level), RestartNote(level: level))
    }

    /// A command line with another `--level`.
    package static func arguments(_ arguments: [String], at level: KernelLevel) -> [String] {
        var others: [String] = []
        var isValue = false
        for argument in arguments {
            if isValue || argument == "--level" {
                isValue.toggle()
            } else if !argument.hasPrefix("--level=") {
                others.append(argument)
            }
        }
        return others + ["--level", level.rawValue]
    }

    private static func restart(_ arguments: [String], _ note: RestartNote) -> String {
        let environment = KernelEnvironment(note.level)
        for (name, value) in environment.changes(in: ProcessInfo.processInfo.environment) {
            if let value { setenv(name, value, 1) } else { unsetenv(name) }
        }
        setenv(RestartNote.variable, note.text, 1)
        var words = arguments.map { strdup($0) } + [nil]
        execv("/proc/self/exe", &words)
        return "cannot start again at kernel level \(note.level): \(String(cString: strerror(errno)))"
    }
}
