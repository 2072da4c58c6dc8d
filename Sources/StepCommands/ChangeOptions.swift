package import ArgumentParser

/// A change that the model is asked with.
package struct ChangeOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Set this mask's weights to zero.", valueName: "file"))
    package var mask: String?

    @Option(
        help: ArgumentHelp(
            "Change the model by this edit: a file of a study's edits, or of faultline subspace edit.",
            valueName: "file"))
    package var edit: String?

    package init() {}

    package func validate() throws {
        if mask != nil, edit != nil { throw ValidationError("--mask and --edit exclude each other") }
    }

    /// The file of the change, where there is one.
    var file: String? { mask ?? edit }
}
