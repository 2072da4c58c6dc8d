#if canImport(Glibc)
    import Glibc
#endif

Runners.install { options, checkpoint, runDirectory in
    try FleetRunner.start(options, checkpoint: checkpoint, runDirectory: runDirectory)
}
exit(await Launcher.run(Array(CommandLine.arguments.dropFirst())))
