import ArgumentParser

/// How answers are decoded, beside what a command's own options say.
package struct PenaltyOption: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Makes tokens that prompt and answer have already less likely, as transformers does; 1: not.",
            valueName: "factor"))
    package var repetitionPenalty = 1.0

    package init() {}

    package func validate() throws {
        guard (0.01...100).contains(repetitionPenalty) else {
            throw ValidationError("--repetition-penalty has to be from 0.01 to 100")
        }
    }
}
