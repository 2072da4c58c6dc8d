package import ArgumentParser
import Checkpoint
package import Console
import Logging
import Reporting
import Synchronization
import Tensors

package struct DigestCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "digest", abstract: "Prints what a model is known by: the digest of its whole content.",
        discussion: "With --verify-model its files are read again, whatever this machine remembers of them.")

    @Argument(help: "A Hugging Face folder or a GGUF file.")
    package var model: String

    @OptionGroup package var content: ContentOptions

    package init() {}

    package func run() throws {
        let read = Mutex(0)
        let checkpoint = try content.open(model) { total in read.withLock { $0 = total } }
        let start = MonotonicClock.now
        Terminal.say("\(try checkpoint.digest())  \(checkpoint.shortName)")
        let (bytes, seconds) = (read.withLock { $0 }, MonotonicClock.now - start)
        guard bytes > 0 else { return Terminal.log.info("\(model): as this machine remembers it") }
        let rate = Format.bytes(Int(Double(bytes) / max(seconds, 1e-6)))
        Terminal.log.info("\(model): \(Format.bytes(bytes)) read in \(Format.fixed(seconds, 2)) s (\(rate)/s)")
    }
}
