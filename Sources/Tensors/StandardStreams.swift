#if canImport(Glibc)
    import Glibc
#endif

/// Standard input, output and error, where the program's starter has closed them.
public enum StandardStreams {
    /// Puts `/dev/null` in their place, first of all: the next files that are opened would get their numbers, and log
    /// lines would be written into a journal or a model.
    public static func hold() {
        for descriptor in Int32(0)...2 where fcntl(descriptor, F_GETFD) < 0 {
            // The lowest free number is this one.
            _ = open("/dev/null", O_RDWR)
        }
    }
}

/// Memory that is needed to go on, and is not to be had.
enum OutOfMemory {
    /// One line, and the exit code of a failure.
    static func end(_ byteCount: Int) -> Never {
        let line = Array("out of memory: cannot get \(byteCount) bytes more\n".utf8)
        _ = line.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress!, $0.count) }
        _exit(1)
    }
}
