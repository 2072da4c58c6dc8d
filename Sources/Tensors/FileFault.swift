#if canImport(Glibc)
    import Glibc
#endif

/// Why the system refused to do something with a file: the call's error number, and its words as a description.
package struct FileFault: Error, Sendable, Equatable, CustomStringConvertible {
    /// As in `errno`: `ENOENT`, `EEXIST` and so on.
    package let code: Int32

    package init(code: Int32) { self.code = code }

    /// Of the call that has just failed.
    static var last: FileFault { FileFault(code: errno) }

    package var description: String { String(cString: strerror(code)) }
}
