package import Tensors

/// What a process tells the one that takes its place, in an environment variable.
package struct RestartNote: Sendable, Equatable {
    package static let variable = "FAULTLINE_RESTART"

    /// The kernel level that it starts again for. One that finds settings to change for the same level cannot change them.
    package var level: KernelLevel
    /// Levels that libraries turned out not to have, and why.
    package var leftOut: [KernelLevel: String]

    package init(level: KernelLevel, leftOut: [KernelLevel: String] = [:]) {
        (self.level, self.leftOut) = (level, leftOut)
    }

    /// - Returns: `nil` where the text is no note.
    package init?(_ text: String) {
        let lines = text.split(separator: "\n").map { $0.split(separator: "\t", maxSplits: 1).map(String.init) }
        guard let first = lines.first?.first, let level = KernelLevel(rawValue: first) else { return nil }
        self.init(level: level)
        for line in lines.dropFirst() where line.count == 2 {
            if let level = KernelLevel(rawValue: line[0]) { leftOut[level] = line[1] }
        }
    }

    package var text: String {
        let lines = leftOut.sorted { $0.key < $1.key }.map { "\($0.key)\t\($0.value)" }
        return ([level.rawValue] + lines).joined(separator: "\n")
    }
}
