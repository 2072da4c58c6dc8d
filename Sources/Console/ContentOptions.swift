import ArgumentParser
package import Checkpoint
import Logging
import Reporting
import Tensors

/// How a model's content is known: hashed once, and remembered by this machine while its files stay as they are.
package struct ContentOptions: ParsableArguments {
    @Flag(help: "Read the model's files again to check them, whatever this machine remembers of them.")
    package var verifyModel = false

    package init() {}

    /// Opens a model whose digest is remembered.
    /// - Parameter read: is told how many bytes have to be read for the digest, where that is any.
    /// - Throws: `CheckpointError`.
    package func open(_ path: String, read: @escaping @Sendable (Int) -> Void = { _ in }) throws -> Checkpoint {
        let checkpoint = try Checkpoint.open(path)
        let report = HashingReport { Terminal.log.info("\($0)") }
        checkpoint.remember(
            ContentMemory.ofUser(isDoubted: verifyModel),
            progress: { done, total in
                if done == 0 { read(total) }
                report.tell(done, of: total, model: path)
            })
        Self.say(checkpoint)
        return checkpoint
    }

    /// Says what of a checkpoint is read, where that is not all.
    package static func say(_ checkpoint: Checkpoint) {
        if let title = checkpoint.partTitle { Terminal.log.info("\(title)") }
    }
}
