package import Checkpoint
package import Console
package import ModelService
import Protocol
import Reporting
import Synchronization
import Tensors

/// Starts what carries a command's model work.
package enum RunnerFactory {
    /// Makes a runner for a checkpoint; the program sets it to the fleet, tests to their own.
    package typealias Factory =
        @Sendable (FleetOptions, Checkpoint, _ runDirectory: String?) async throws -> any ModelRunner

    private static let factory = Mutex<Factory>({ _, _, _ in throw InternalError("this build has no fleet") })

    /// Sets what makes runners, once, before the first command.
    package static func install(_ new: @escaping Factory) { factory.withLock { $0 = new } }

    /// Runs `body` with a runner and ends the runner afterwards, also where `body` throws.
    /// - Returns: what `body` returns.
    /// - Throws: what making the runner, `body` and `ModelRunner.concluded` throw.
    package static func with<R>(
        _ options: FleetOptions, _ checkpoint: Checkpoint, runDirectory: String? = nil,
        _ body: (any ModelRunner) async throws -> R
    ) async throws -> R {
        let runner = try await factory.withLock { $0 }(options, checkpoint, runDirectory)
        do {
            let result = try await body(runner)
            try runner.concluded()
            await runner.shutdown()
            return result
        } catch {
            await runner.shutdown()
            throw error
        }
    }
}

/// Name and version pairs for reports.
package enum Versions {
    package static var list: [(name: String, value: String)] {
        [("faultline", Release.version)]
    }
}
