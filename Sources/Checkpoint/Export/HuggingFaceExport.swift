public import Tensors

#if canImport(Glibc)
    import Glibc
#endif

/// Writes a model as a Hugging Face folder that transformers loads. Of a vision-language model that is the language model
/// alone, as a model of its decoder's own architecture.
///
/// The folder appears under its name only when it is complete. Weights are asked for in pieces of a few MiB, so that a
/// model need not fit in memory.
public struct HuggingFaceExport {
    /// Fills the destination with rows of the named tensor, as `WeightSource.read` does.
    public typealias RowProvider = (_ name: String, _ rows: Range<Int>, _ into: UnsafeMutablePointer<Float>) throws ->
        Void

    public let checkpoint: Checkpoint
    /// f32, f16 or bf16; rounded to nearest, ties to even.
    public var type: ElementType
    /// Bytes of weights above which a new shard begins, as in transformers.
    public var shardLimit: Int
    /// More files of the folder, by name.
    public var notes: [(name: String, bytes: [UInt8])]
    /// Writes a head of its own where the checkpoint's is the embedding (`tie_word_embeddings`). Its rows are asked for by its
    /// name; the checkpoint itself has them as the embedding's.
    public var separatesHead = false

    public init(
        checkpoint: Checkpoint, type: ElementType, shardLimit: Int = 5_000_000_000,
        notes: [(name: String, bytes: [UInt8])] = []
    ) {
        self.notes = notes
        precondition([.f32, .f16, .bf16].contains(type), "a model cannot be exported as \(type)")
        self.checkpoint = checkpoint
        self.type = type
        self.shardLimit = shardLimit
    }

    /// Exports to `folder`, which must not exist yet.
    /// - Parameter rows: where the weights come from; the checkpoint itself if `nil`.
    /// - Throws: `CheckpointError`, `TensorFileError`, or what `rows` throws; nothing is left behind then.
    public func write(to folder: String, rows: RowProvider? = nil) throws {
        guard !Files.exists(folder) else {
            throw CheckpointError(.unreadable, file: folder, "already exists: choose another folder")
        }
        var target = folder
        while target.count > 1, target.hasSuffix("/") { target.removeLast() }
        let temporary = "\(target).part-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
        do throws(FileFault) { try Files.makeOneFolder(temporary) } catch {
            throw CheckpointError(.unreadable, file: folder, "cannot create the folder: \(error)")
        }
        do {
            for file in try textFiles() + notes { try save(file.bytes, "\(temporary)/\(file.name)") }
            try writeWeights(to: temporary, rows: rows ?? { try checkpoint.read($0, rows: $1, into: $2) })
            do throws(FileFault) { try Files.rename(temporary, to: target) } catch {
                throw CheckpointError(.unreadable, file: folder, "cannot rename the finished folder: \(error)")
            }
            AtomicFile.flushFolder(of: target)
        } catch {
            try? Files.remove(temporary)
            throw error
        }
    }

    private func save(_ bytes: [UInt8], _ path: String) throws {
        let file = try AtomicFile(path: path)
        try file.write(bytes)
        try file.commit()
    }

    // MARK: Weights

    private func writeWeights(to folder: String, rows: RowProvider) throws {
        var config = checkpoint.config
        if separatesHead { config.tiedEmbeddings = false }
        let tensors = config.tensorShapes.map {
            TensorDescription(name: $0.name, type: type, shape: $0.shape)
        }
        var shards: [[TensorDescription]] = [[]]
        var filled = 0
        for tensor in tensors {
            let size = tensor.byteCount!
            if filled > 0, filled + size > shardLimit {
                shards.append([])
                filled = 0
            }
            shards[shards.count - 1].append(tensor)
            filled += size
        }
        var places: [JSON.Member] = []
        for (index, shard) in shards.enumerated() {
            let name =
                shards.count == 1
                ? "model.safetensors" : "model-\(padded(index + 1))-of-\(padded(shards.count)).safetensors"
            try SafetensorsWriter.write(to: "\(folder)/\(name)", tensors: shard, metadata: ["format": "pt"]) {
                tensor, sink in
                try stream(tensor, rows: rows, sink)
            }
            places += shard.map { JSON.Member($0.name, .text(name)) }
        }
        if shards.count > 1 {
            let total = tensors.reduce(0) { $0 + $1.byteCount! }
            let index = JSON.object([
                JSON.Member("metadata", .object([JSON.Member("total_size", .integer(total))])),
                JSON.Member("weight_map", .object(places)),
            ])
            try save(index.encoded(indent: true), "\(folder)/model.safetensors.index.json")
        }
    }

    private func stream(_ tensor: TensorDescription, rows: RowProvider, _ sink: SafetensorsWriter.Sink) throws {
        let columns = tensor.shape.dropFirst().reduce(1, *)
        let step = max(1, (1 << 20) / max(1, columns))
        let wide = AlignedBuffer(floats: min(step, tensor.shape[0]) * columns, zeroed: false)
        let narrow = AlignedBuffer(byteCount: wide.floats.count * type.byteCount, zeroed: false)
        var row = 0
        while row < tensor.shape[0] {
            let piece = row..<min(row + step, tensor.shape[0])
            try rows(tensor.name, piece, wide.floats.baseAddress!)
            let count = piece.count * columns
            _ = Conversion.narrow(wide.floats.baseAddress!, to: type, count: count, into: narrow.address)
            try sink(UnsafeRawBufferPointer(rebasing: narrow.bytes[..<(count * type.byteCount)]))
            row = piece.upperBound
        }
    }

    private func padded(_ number: Int) -> String {
        String(repeating: "0", count: max(0, 5 - "\(number)".count)) + "\(number)"
    }

    // MARK: Configuration and tokenizer

    private var typeName: String { type == .f32 ? "float32" : type == .f16 ? "float16" : "bfloat16" }

    /// The configuration with a head of its own, where that is wished.
    private func separated(_ config: JSON) -> JSON {
        guard separatesHead, checkpoint.config.tiedEmbeddings, var members = config.members else { return config }
        let key = "tie_word_embeddings"
        members.removeAll { $0.key == ByteString(key) }
        return .object(members + [JSON.Member(key, .bool(false))])
    }

    private func textFiles() throws(CheckpointError) -> [(name: String, bytes: [UInt8])] {
        if let gguf = checkpoint.gguf {
            var files = [
                (
                    "config.json",
                    separated(try GGUFExport.config(checkpoint.config, type: typeName, file: gguf)).encoded(
                        indent: true)
                )
            ]
            for file in try GGUFExport.tokenizerFiles(gguf, checkpoint: checkpoint) {
                files.append((file.name, file.json.encoded(indent: file.name != "tokenizer.json")))
            }
            return files.map { (name: $0.0, bytes: $0.1) }
        }
        let path = checkpoint.path
        var files = [(name: "config.json", bytes: separated(try folderConfig()).encoded(indent: true))]
        let copied = [
            "generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
            "added_tokens.json",
            "vocab.json", "merges.txt", "tokenizer.model",
        ]
        for name in copied where Files.exists("\(path)/\(name)") {
            files.append((name: name, bytes: try CheckpointFiles.bytes("\(path)/\(name)")))
        }
        if let template = try checkpoint.processorTemplate() {
            files.append((name: "chat_template.jinja", bytes: Array(template.source.utf8)))
        } else if let template = try checkpoint.templateInFolder() {
            files.append((name: "chat_template.jinja", bytes: try CheckpointFiles.bytes(template)))
        }
        return files
    }

    /// The folder's configuration with the type of the numbers that are written; of a vision-language model the language
    /// model's alone.
    private func folderConfig() throws(CheckpointError) -> JSON {
        if let part = checkpoint.languageModelPart {
            return Checkpoint.config(of: part, checkpoint.config, typeName: typeName)
        }
        var members = try CheckpointFiles.json("\(checkpoint.path)/config.json").members ?? []
        let key = members.contains { $0.key == "dtype" } ? "dtype" : "torch_dtype"
        members.removeAll { $0.key == ByteString(key) }
        members.append(JSON.Member(key, .text(typeName)))
        return .object(members)
    }
}
