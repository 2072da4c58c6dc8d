import Synchronization
public import Tensors

/// The weight files of a checkpoint, hashed when they are asked for.
final class ModelContent: Sendable {
    /// In the order of the model's parts.
    let files: [FileMapping]
    private let state = Mutex(State())

    private struct State {
        var memory: ContentMemory?
        var progress: (@Sendable (Int, Int) -> Void)?
        var contents: [String: FileContent] = [:]
        var whole: String?
    }

    /// - Parameter parts: a GGUF model's files; empty: the files that tensors lie in, by name.
    init(_ tensors: [String: StoredTensor], parts: [FileMapping]) {
        let holding = Dictionary(tensors.values.map { ($0.mapping.path, $0.mapping) }) { first, _ in first }
        files = parts.isEmpty ? holding.sorted { $0.key < $1.key }.map(\.value) : parts
    }

    func use(_ memory: ContentMemory?, _ progress: (@Sendable (Int, Int) -> Void)?) {
        state.withLock { ($0.memory, $0.progress) = (memory, progress) }
    }

    /// The digest of everything, made once.
    func whole<E>(_ make: () throws(E) -> String) throws(E) -> String {
        if let known = state.withLock({ $0.whole }) { return known }
        let made = try make()
        state.withLock { $0.whole = made }
        return made
    }

    /// The pieces under byte ranges of the files; reports how many of all unknown bytes are hashed.
    func hash(_ ranges: [(file: FileMapping, ranges: [Range<Int>])]) -> [[(piece: Int, digest: String)]] {
        let contents = ranges.map { content($0.file) }
        let total = zip(contents, ranges).reduce(0) { $0 + $1.0.unknownBytes(under: $1.1.ranges) }
        let progress = state.withLock { $0.progress }
        let done = Mutex(0)
        if total > 0 { progress?(0, total) }
        return zip(contents, ranges).map { content, place in
            content.digests(under: place.ranges) { count in
                let sum = done.withLock { done in
                    done += count
                    return done
                }
                progress?(sum, total)
            }
        }
    }

    private func content(_ file: FileMapping) -> FileContent {
        state.withLock { state in
            if let known = state.contents[file.path] { return known }
            let content = FileContent(file, memory: state.memory)
            state.contents[file.path] = content
            return content
        }
    }
}

extension Checkpoint {
    /// Raised where the same files no longer give the same digest, or the same digest no longer the same numbers.
    static let contentVersion = "faultline-model 2"

    /// Has digests of the weights taken from, and kept in, what this machine remembers.
    /// - Parameter progress: is told, from any thread, how many bytes are hashed, of how many that have to be.
    public func remember(
        _ memory: ContentMemory?, progress: (@Sendable (_ done: Int, _ total: Int) -> Void)? = nil
    ) { content.use(memory, progress) }

    /// What a person calls the model: the last part of its path.
    public var shortName: String { path.split(separator: "/").last.map(String.init) ?? path }

    /// Tells models apart by their whole content: SHA-256 over every weight file, by pieces, and over every other file of the
    /// checkpoint that can change a number: configuration, tokenizer, chat templates, generation settings. The first call
    /// reads all of the model, where this machine does not remember it (`remember`).
    /// - Throws: `CheckpointError` where a file can no longer be read.
    public func digest() throws(CheckpointError) -> String {
        try content.whole { () throws(CheckpointError) in
            let texts = format == .huggingFace ? try ModelFiles.texts(in: path) : []
            let all = content.hash(content.files.map { ($0, [0..<$0.bytes.count]) })
            var lines = [Self.contentVersion, format.rawValue]
            for (number, (file, pieces)) in zip(content.files, all).enumerated() {
                // A GGUF file may be called anything; a shard is found by its name.
                let name = format == .gguf ? "part \(number)" : ModelFiles.name(file.path)
                lines.append("\(name) \(file.bytes.count)")
                lines += pieces.map(\.digest)
            }
            for text in texts { lines.append("\(text.name) \(Digest.sha256(text.bytes))") }
            return Digest.sha256(Array(lines.joined(separator: "\n").utf8))
        }
    }

    /// Tells apart what a stage of the model computes with: its configuration, and every byte of its tensors (with what else
    /// lies in the same pieces of 8 MiB). So a worker reads no more than it is about to load.
    /// - Parameters:
    ///   - layers: decoder layers.
    ///   - isFirst: with the embedding.
    ///   - isLast: with the final norm and the head.
    public func digest(layers: Range<Int>, isFirst: Bool, isLast: Bool) -> String {
        let own = tensors.filter { name, _ in
            guard let layer = Self.layer(of: name) else { return isFirst || isLast }
            return layers.contains(layer)
        }.sorted { $0.key < $1.key }
        var lines = [Self.contentVersion, "\(config)"]
        var places = content.files.map { (file: $0, ranges: [Range<Int>]()) }
        for (name, tensor) in own {
            let file = content.files.firstIndex { $0.path == tensor.mapping.path }!
            places[file].ranges.append(tensor.bytes)
            lines.append("\(name) \(tensor.encoding.rawValue) \(tensor.shape) \(file) \(tensor.bytes)")
        }
        for (file, pieces) in content.hash(places).enumerated() {
            lines += pieces.map { "\(file) \($0.piece) \($0.digest)" }
        }
        return Digest.sha256(Array(lines.joined(separator: "\n").utf8))
    }

    /// The decoder layer that a weight belongs to; `nil`: to none.
    private static func layer(of name: String) -> Int? {
        let words = name.split(separator: ".", maxSplits: 3)
        return words.count > 2 && words[1] == "layers" ? Int(words[2]) : nil
    }
}

/// The files of a Hugging Face folder beside its weights.
enum ModelFiles {
    /// All that may decide a number: what is read here, and what other programs read in its place.
    static let texts = [
        "config.json", "model.safetensors.index.json", "generation_config.json", "tokenizer.json",
        "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt",
        "tokenizer.model", "chat_template.jinja", "chat_template.json",
    ]
    private static let templates = "additional_chat_templates"

    static func name(_ path: String) -> String { path.split(separator: "/").last.map(String.init) ?? path }

    /// Those that are there, by name.
    static func texts(in folder: String) throws(CheckpointError) -> [(name: String, bytes: [UInt8])] {
        var result: [(name: String, bytes: [UInt8])] = []
        let more = Files.names(in: "\(folder)/\(templates)").map { "\(templates)/\($0)" }
        for name in texts + more where Files.exists("\(folder)/\(name)") {
            result.append((name, try CheckpointFiles.bytes("\(folder)/\(name)")))
        }
        return result
    }
}
