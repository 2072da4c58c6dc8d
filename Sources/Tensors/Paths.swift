#if canImport(Glibc)
    import Glibc
#endif

/// Paths as texts.
package enum Paths {
    /// The folder a file is in ("." for a bare name).
    package static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// The file's name without its folder and extension.
    package static func stem(of path: String) -> String {
        let name = path.split(separator: "/").last.map(String.init) ?? path
        guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return name }
        return String(name[..<dot])
    }

    /// `path` itself where it is absolute, else inside `folder`. `~/` is the home folder. A leading `../` takes the folder's
    /// last part away, so that messages show a short path; behind a link it stays, since it leads elsewhere.
    package static func resolve(_ path: String, in folder: String) -> String {
        if path.hasPrefix("~/"), let home = getenv("HOME") { return String(cString: home) + path.dropFirst() }
        guard !path.hasPrefix("/") else { return path }
        var (folder, path) = (folder, path)
        while folder.count > 1, folder.hasSuffix("/") { folder.removeLast() }
        while path.hasPrefix("../"), let parent = parent(of: folder) {
            path.removeFirst(3)
            folder = parent
        }
        if folder == "." { return path }
        return folder == "/" ? "/\(path)" : "\(folder)/\(path)"
    }

    /// The folder above one that is no link; `nil` where the text does not say which that is.
    private static func parent(of path: String) -> String? {
        guard let last = path.split(separator: "/").last, last != ".", last != "..",
            (try? FileStatus(name: path))?.kind == .folder
        else { return nil }
        return folder(of: path)
    }
}
