import Console
import FleetBackend
import Launch
import Logging
import Tensors
import ZeroMQ

#if canImport(Glibc)
    import Glibc
#endif

StandardStreams.hold()
do throws(ProcessLimits.Shortage) {
    // Without threads of their own, calls that wait would wait for ever.
    try ProcessLimits.require(descriptors: 4, threads: 4, bytes: 128 << 20)
} catch {
    Terminal.own.error("\(error)")
    exit(2)
}
RunnerFactory.install { options, checkpoint, runDirectory in
    try FleetRunner.start(options, checkpoint: checkpoint, runDirectory: runDirectory)
}
exit(await CommandLineMain.run(Array(CommandLine.arguments.dropFirst())))
