import Foundation

/// The run ended early because it was asked to: no failure, and it can go on.
package struct Stopped: Error, Equatable, CustomStringConvertible {
    /// `nil`: by the program itself.
    package var signal: Int32?
    /// The command that goes on; empty where nothing is on record.
    package var resume: String

    package init(signal: Int32?, resume: String) { (self.signal, self.resume) = (signal, resume) }

    package var description: String {
        let cause = signal.map { "stopped by signal \($0)" } ?? "stopped"
        return resume.isEmpty
            ? cause : "\(cause); what is finished is on record, and this goes on where it was: \(resume)"
    }

    /// As shells have it.
    package var exitCode: Int32 { 128 + (signal ?? SIGTERM) }

    /// A command line that can be pasted into a shell.
    package static func shell(_ arguments: [String]) -> String {
        arguments.map { word in
            let isPlain =
                !word.isEmpty
                && word.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "/._-+=:,@%".contains($0)) }
            return isPlain ? word : "'\(word.replacingOccurrences(of: "'", with: "'\\''"))'"
        }.joined(separator: " ")
    }
}
