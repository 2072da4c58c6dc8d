import ModelService
import Tensors

/// What was to be measured of a model is no finite number: the weights, or what was done to them, overflow. Exit code 1.
package struct NoNumber: Error, Equatable, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }

    /// Why a condition has no numbers, where that is what the error says; `nil`: something else went wrong.
    package static func reason(_ error: any Error) -> String? {
        let text = "\(error)"
        return (error is NoNumber || error is any ModelRunnerFailure) && text.contains(NotFinite.phrase) ? text : nil
    }
}
