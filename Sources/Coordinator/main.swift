#if canImport(Glibc)
import Glibc
#endif

exit(await Launcher.run(Array(CommandLine.arguments.dropFirst())))
