package import ArgumentParser
package import StudyFile
import Tensors

/// Where a study's model, data and cache are.
package struct StudyOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Run on this model instead of the study's.", valueName: "path"))
    package var model: String?

    @Option(
        help: ArgumentHelp("Look for the study's files in this folder, instead of beside the study.", valueName: "dir"))
    package var data: String?

    @Option(
        help: ArgumentHelp(
            "Where results are kept for other studies. Default: results-cache beside the run's folder.",
            valueName: "dir"))
    package var cache: String?

    @Flag(name: .customLong("no-cache"), help: "Compute everything in this run, and keep nothing for others.")
    package var noCache = false

    @OptionGroup package var content: ContentOptions

    package init() {}

    package func validate() throws {
        if noCache, cache != nil { throw ValidationError("--cache and --no-cache exclude each other") }
    }

    /// What a command that does the same says.
    package var arguments: [String] { (model.map { ["--model", $0] } ?? []) + (data.map { ["--data", $0] } ?? []) }

    package var overrides: StudyOverrides { StudyOverrides(model: model, data: data) }

    /// The cache's folder; `nil`: none is wanted.
    package func cacheFolder(runDirectory: String) -> String? {
        guard !noCache else { return nil }
        if let cache { return cache }
        var folder = Substring(runDirectory)
        while folder.count > 1, folder.last == "/" { folder.removeLast() }
        return Paths.resolve("results-cache", in: Paths.folder(of: String(folder)))
    }
}
