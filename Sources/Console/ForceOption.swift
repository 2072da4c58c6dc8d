import ArgumentParser
package import Datasets

/// What a command does about files that do not belong together.
package struct ForceOption: ParsableArguments {
    @Flag(help: "Go on with files that do not belong together; it is said, and what is written says so, too.")
    package var force = false

    package init() {}

    /// The checks of one command.
    package func belonging() -> Belonging { Belonging(force: force, logger: Terminal.own) }
}
