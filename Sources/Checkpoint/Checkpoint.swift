import Tensors

/// A model on disk: a Hugging Face folder or a GGUF file, memory-mapped, its tensors checked against its configuration.
public final class Checkpoint: WeightSource {
    public enum Format: String, Sendable { case huggingFace, gguf }

    public let path: String
    public let format: Format
    public let config: ModelConfig
    let tensors: [String: StoredTensor]
    /// The file itself, or its first part, where the format is GGUF.
    let gguf: GGUFFile?
    let content: ModelContent
    /// Where it is the language model of a vision-language one: what that is, and what is left out of it.
    public let languageModelPart: LanguageModelPart?

    private init(
        path: String, format: Format, config: ModelConfig, tensors: [String: StoredTensor], gguf: GGUFFile?,
        parts: [FileMapping] = [], languageModelPart: LanguageModelPart? = nil
    ) {
        content = ModelContent(tensors, parts: parts)
        self.path = path
        self.format = format
        self.config = config
        self.tensors = tensors
        self.gguf = gguf
        self.languageModelPart = languageModelPart
    }

    /// Opens a folder as a Hugging Face checkpoint, a file as GGUF.
    /// - Throws: `CheckpointError`, one line naming the file and what is wrong.
    public static func open(_ path: String) throws(CheckpointError) -> Checkpoint {
        guard Files.exists(path) else { throw CheckpointError(.unreadable, file: path, "no such file or folder") }
        return Files.isFolder(path) ? try folder(path) : try file(path)
    }

    private static func folder(_ path: String) throws(CheckpointError) -> Checkpoint {
        let file = "\(path)/config.json"
        guard Files.exists(file) else {
            throw CheckpointError(.unreadable, file: path, "no config.json in this folder")
        }
        let json = try CheckpointFiles.json(file)
        let nested = try VisionLanguageConfig(json: json, file: file)
        var config: ModelConfig
        if let nested {
            config = try nested.config()
        } else {
            config = try HuggingFaceConfig(json: json, file: file).config()
        }
        var tensors = try SafetensorsShards.open(folder: path)
        var part: LanguageModelPart?
        if let nested {
            let taken = try LanguageModelPart.taken(from: tensors, nested, file: path)
            tensors = taken.tensors
            part = taken.part
        }
        tensors = try HeadlessNames.completed(tensors, config, file: path)
        TiedHead.settle(&tensors, &config)
        try check(tensors, config, file: path, spelled: { [part] in part?.spellings[$0] ?? $0 })
        return Checkpoint(
            path: path, format: .huggingFace, config: config, tensors: tensors, gguf: nil, languageModelPart: part)
    }

    private static func file(_ path: String) throws(CheckpointError) -> Checkpoint {
        let file = try GGUFFile(path: path)
        let parts = try GGUFSplit.parts(of: file)
        let config = try GGUFConfig.config(of: parts)
        var tensors: [String: StoredTensor] = [:]
        var original: [String: String] = [:]
        for part in parts {
            for tensor in part.tensors where tensor.name != "rope_freqs.weight" {
                guard let name = GGUFNames.huggingFace(tensor.name) else {
                    throw CheckpointError(
                        .unsupported, file: part.path,
                        "tensor \(tensor.name) is not part of a \(config.architecture) model")
                }
                guard tensor.shape.count == 2 || tensor.encoding.blockLength == 1 else {
                    throw CheckpointError(.unsupported, file: part.path, "tensor \(tensor.name): a quantised vector")
                }
                guard original[name] == nil else {
                    throw CheckpointError(.malformed, file: part.path, "tensor \(tensor.name): also in another part")
                }
                let permuted = config.architecture == .llama && GGUFNames.isRotary(name)
                tensors[name] = StoredTensor(
                    mapping: part.mapping, bytes: tensor.bytes, encoding: tensor.encoding, shape: tensor.shape,
                    rotaryHeadRows: permuted ? config.headDim : nil)
                original[name] = tensor.name
            }
        }
        try check(tensors, config, file: path, spelled: { original[$0] ?? $0 })
        return Checkpoint(
            path: path, format: .gguf, config: config, tensors: tensors, gguf: file, parts: parts.map(\.mapping))
    }

    /// Every tensor the configuration asks for is there in the right shape, and no other that would be left out.
    private static func check(
        _ tensors: [String: StoredTensor], _ config: ModelConfig, file: String, spelled: (String) -> String
    ) throws(CheckpointError) {
        var known: Set<String> = ["lm_head.weight"]
        for (name, shape) in config.tensorShapes {
            known.insert(name)
            guard let tensor = tensors[name] else {
                throw CheckpointError(.mismatch, file: file, "tensor \(spelled(name)) is missing (expected \(shape))")
            }
            guard tensor.shape == shape else {
                throw CheckpointError(
                    .mismatch, file: tensor.mapping.path,
                    "tensor \(spelled(name)): expected \(shape), found \(tensor.shape)")
            }
        }
        // Early Llama checkpoints store the rotary frequencies, which follow from the configuration.
        for name in tensors.keys.sorted() where !known.contains(name) && !name.hasSuffix("rotary_emb.inv_freq") {
            throw CheckpointError(
                .unsupported, file: file,
                "tensor \(spelled(name)) is not part of a \(config.architecture) model with this configuration")
        }
    }

    /// Names of all weights, sorted.
    public var names: [String] { config.tensorShapes.map(\.name).sorted() }

    public func shape(of name: String) -> [Int]? {
        if config.tiedEmbeddings, name == "lm_head.weight" { return nil }
        return tensors[name]?.shape
    }

    /// How the file stores the tensor.
    public func fileType(of name: String) -> WeightEncoding? { shape(of: name) == nil ? nil : tensors[name]?.encoding }

    /// Widens rows `rows` of a tensor to f32 into `destination` [rows.count × columns].
    /// - Throws: `CheckpointError` (`.mismatch`) where the checkpoint has no such tensor.
    public func read(_ name: String, rows: Range<Int>, into destination: UnsafeMutablePointer<Float>) throws {
        guard shape(of: name) != nil, let tensor = tensors[name] else {
            throw CheckpointError(.mismatch, file: path, "tensor \(name) is missing")
        }
        precondition(
            rows.lowerBound >= 0 && rows.upperBound <= tensor.shape[0], "rows \(rows) of \(name) \(tensor.shape)")
        tensor.read(rows: rows, into: destination)
    }
}
