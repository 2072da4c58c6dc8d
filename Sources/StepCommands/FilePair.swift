package import ArgumentParser

/// The two files that a command compares.
package struct FilePair: ParsableArguments {
    @Argument(help: ArgumentHelp("The two files that are compared, the earlier one first.", valueName: "file"))
    package var files: [String]

    package init() {}

    package func validate() throws {
        guard files.count == 2 else { throw ValidationError("give two files") }
    }
}
