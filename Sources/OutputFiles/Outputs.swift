import Datasets
package import Tensors

#if canImport(Glibc)
    import Glibc
#endif

/// The files and folders that a command will write, checked before it begins: they can be written, and nothing that is
/// read, and nothing else that is written, goes with them.
package struct Outputs {
    private var inputs: [FileNode: String] = [:]
    private var modelFolder: String?
    private var written: [(option: String, path: String)] = []

    /// - Parameters:
    ///   - model: a Hugging Face folder or a GGUF file.
    ///   - files: what else is read; folders stand for the files in them.
    package init(model: String? = nil, reading files: [String?] = []) {
        for file in files.compactMap({ $0 }) { add(DataFile.split(file).path) }
        guard let model else { return }
        modelFolder = FileNode.resolvedFolder(model)
        add(model)
        // The other parts of a model in several files.
        guard model.lowercased().hasSuffix(".gguf") else { return }
        let folder = Paths.folder(of: model)
        for name in Files.names(in: folder) where name.lowercased().hasSuffix(".gguf") { add("\(folder)/\(name)") }
    }

    private mutating func add(_ path: String) {
        for file in [path] + Files.names(in: path).map({ "\(path)/\($0)" }) {
            if let identity = FileNode(file) { inputs[identity] = inputs[identity] ?? file }
        }
    }

    /// A file that the command writes. Folders above it are made.
    /// - Parameters:
    ///   - path: where; a folder, with a slash at its end, takes a file called `standard`.
    ///   - beside: endings of files that come and go beside it.
    /// - Returns: the file's path.
    /// - Throws: `InputError` saying why it cannot be written there.
    package mutating func file(
        _ option: String, _ path: String, standard: String, beside: [String] = []
    ) throws(InputError) -> String {
        guard !path.isEmpty else { throw InputError(option, "needs the name of a file") }
        let target = path.hasSuffix("/") ? Self.withoutSlashes(path) + "/" + standard : path
        for name in [target] + beside.map({ target + $0 }) { try check(option, name) }
        try Self.makeRoom(for: target)
        return target
    }

    /// The same where the command may do without: `nil` stays `nil`.
    /// - Throws: `InputError` saying why it cannot be written there.
    package mutating func file(
        _ option: String, _ path: String?, standard: String, beside: [String] = []
    ) throws(InputError) -> String? {
        guard let path else { return nil }
        let made: String = try file(option, path, standard: standard, beside: beside)
        return made
    }

    private mutating func check(_ option: String, _ path: String) throws(InputError) {
        try checkApart(option, path)
        if let kind = try FileNode.kind(path), kind != .file {
            throw InputError(path, "\(option) would replace \(kind.title): name a file of its own")
        }
        // Written under a longer name first.
        try FileNode.checkLength(path, suffix: Self.part)
    }

    /// A folder that the command makes. Folders above it are made at once.
    /// - Returns: its path.
    /// - Throws: `InputError` where it is there already, or cannot be made.
    package mutating func folder(_ option: String, _ path: String) throws(InputError) -> String {
        guard !path.isEmpty else { throw InputError(option, "needs the name of a folder") }
        let target = Self.withoutSlashes(path)
        guard try FileNode.kind(target) == nil else {
            throw InputError(path, "already exists: choose another folder")
        }
        try checkApart(option, target)
        try FileNode.checkLength(target, suffix: ".trained-1234567890-100000")
        try Self.makeRoom(for: target)
        return target
    }

    /// Neither an input nor another output.
    private mutating func checkApart(_ option: String, _ path: String) throws(InputError) {
        if let identity = FileNode(path), let input = inputs[identity] {
            throw InputError(path, "\(option) would overwrite \(input), which is read: name another file")
        }
        let resolved = FileNode.resolved(path)
        for other in written
        where FileNode.resolved(other.path) == resolved
            || FileNode(other.path).map({ $0 == FileNode(path) }) == true
        {
            throw InputError(path, "\(option) and \(other.option) name the same file")
        }
        let name = path.split(separator: "/").last.map(String.init) ?? ""
        if let modelFolder, resolved == "\(modelFolder)/\(name)", Self.modelFiles.contains(name) {
            throw InputError(
                path, "\(option) would put \(name) into the model's folder, where it is read as the model's")
        }
        written.append((option, path))
    }

    /// What a model's folder is read by.
    private static let modelFiles: Set = [
        "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
        "added_tokens.json", "vocab.json", "merges.txt", "tokenizer.model", "chat_template.jinja", "chat_template.json",
        "model.safetensors", "model.safetensors.index.json",
    ]

    /// As long as what a file's name ends in before it is complete.
    package static let part = ".part-1234567890-1234567890"

    package static func withoutSlashes(_ path: String) -> String {
        var path = Substring(path)
        while path.count > 1, path.last == "/" { path.removeLast() }
        return String(path)
    }

    // MARK: Writing

    /// Makes the folders above a file, and tries whether files can be made there.
    static func makeRoom(for path: String) throws(InputError) {
        let folder = Paths.folder(of: path)
        if folder != "." { try Files.makeFolder(folder) }
        try checkWritable(folder)
        try checkSticky(path, folder)
    }

    /// - Throws: `InputError` where no file can be made in a folder.
    package static func checkWritable(_ folder: String) throws(InputError) {
        let name = "\(folder)/.faultline-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
        let descriptor = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            throw InputError(folder, "cannot write into this folder: \(String(cString: strerror(errno)))")
        }
        close(descriptor)
        Files.removeFile(name)
    }

    /// In a folder like `/tmp` nobody else's file can be replaced.
    private static func checkSticky(_ path: String, _ folder: String) throws(InputError) {
        guard let own = try? FileStatus(name: path), let above = try? FileStatus(path: folder), above.isSticky else {
            return
        }
        let user = geteuid()
        guard user == 0 || own.owner == user || above.owner == user else {
            throw InputError(path, "belongs to another user, and this folder lets only its owner replace it")
        }
    }
}
