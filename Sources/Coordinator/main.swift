import Tensors

#if canImport(Glibc)
    import Glibc
#endif

StandardStreams.hold()
Runners.install { options, checkpoint, runDirectory in
    try FleetRunner.start(options, checkpoint: checkpoint, runDirectory: runDirectory)
}
exit(await Launcher.run(Array(CommandLine.arguments.dropFirst())))
