#if canImport(Glibc)
import Glibc
#endif

/// Commands with the fleet as their runner. A function of its own: a task-local bound at the top level crashes
/// Swift 6.3's runtime.
func launch(_ arguments: [String]) async -> Int32 {
    await Runners.$factory.withValue({ options, checkpoint, runDirectory in
        try FleetRunner.start(options, checkpoint: checkpoint, runDirectory: runDirectory)
    }) {
        await Launcher.run(arguments)
    }
}

exit(await launch(Array(CommandLine.arguments.dropFirst())))
