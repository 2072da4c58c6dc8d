import ArgumentParser
import Checkpoint
import Evaluation
import Experiment
import FleetIO
import Journal
import Keys
import Protocol
import Scheduling
import Selection
import Tensors

/// How a command that threw ends.
package struct CommandExit: Equatable {
    package var code: Int32
    /// One line for standard error, or the help text.
    package var text: String
    /// Help or a version, which was asked for.
    package var isOutput = false
    /// The run was asked to end: no error.
    package var isStop = false

    package init(_ error: any Error) {
        switch error {
        case is InputError, is SelectionError, is EvaluationError, is PackingError, is CheckpointError,
            is TensorFileError, is KeyError:
            (code, text) = (2, Self.line("\(error)"))
        case is Endpoint.Refusal, is JournalError:
            (code, text) = (2, Self.line("\(error)"))
        case let error as FleetError:
            (code, text) = (error.isUsage ? 2 : 1, Self.line(error.description))
        case let stop as Stopped:
            (code, text, isStop) = (stop.exitCode, "\(stop)", true)
        case is InternalError, is NoNumber:
            (code, text) = (1, Self.line("\(error)"))
        default:
            let status = Faultline.exitCode(for: error)
            if status == .success {
                (code, text, isOutput) = (0, Faultline.fullMessage(for: error) + "\n", true)
            } else {
                // ArgumentParser's usage error is 64 (EX_USAGE).
                code = status == .validationFailure ? 2 : 1
                text = Self.line(Faultline.message(for: error))
            }
        }
    }

    private static func line(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline).map { trimmed(String($0)) }.joined(separator: " ")
    }
}
