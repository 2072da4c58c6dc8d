import CKernels
package import Checkpoint
package import ModelService
import Protocol
package import Selection
package import Tensors

#if canImport(Glibc)
    import Glibc
#endif

/// Exports over a checkpoint, one matrix in memory at a time.
package struct FolderExporter: ModelExporter {
    private let checkpoint: Checkpoint
    private let type: ElementType

    /// - Parameter type: f32, f16 or bf16; by default the checkpoint's own, f16 where it is quantised.
    package init(_ checkpoint: Checkpoint, type: ElementType? = nil) {
        self.checkpoint = checkpoint
        self.type = type ?? Self.ownType(checkpoint)
    }

    private static func ownType(_ checkpoint: Checkpoint) -> ElementType {
        switch checkpoint.fileType(of: LinearMap.q.weightName(layer: 0)) {
        case .f64?, .f32?: .f32
        case .bf16?: .bf16
        default: .f16
        }
    }

    /// Writes the edited checkpoint as a Hugging Face folder.
    /// - Throws: `SelectionError.notExported` where weights alone do not hold what the edit does; `InputError` where a
    ///   folder cannot be made; `CheckpointError` or `TensorFileError` where a file cannot be read or written.
    package func export(_ edit: any WeightEdit, to folder: String) throws {
        let rewrite = try edit.rewrite(of: checkpoint, files: .own)
        try makeParent(of: folder)
        var writer = try self.writer(of: edit.metadata)
        writer.separatesHead = edit.leavesHead && checkpoint.config.tiedEmbeddings
        let separates = writer.separatesHead
        try writer.write(to: folder) { name, rows, values in
            let stored = separates && name == ModelConfig.headName ? ModelConfig.embeddingName : name
            try checkpoint.read(stored, rows: rows, into: values)
            try rewrite(name, rows, values)
        }
    }

    /// Writes the change alone as a PEFT adapter.
    /// - Throws: `InputError` where a folder cannot be made; `CheckpointError` or `TensorFileError` where a file cannot
    ///   be read or written.
    package func exportAdapter(_ edit: LowRankEdit, to folder: String) throws {
        try makeParent(of: folder)
        try AdapterExport(base: checkpoint.path, notes: [try note(edit.metadata)]).write(edit, to: folder)
    }

    /// Writes the checkpoint with the weights of the last fine-tuning, but for those that are rewound. The weights go
    /// through
    /// files beside `folder`, which are removed.
    /// - Throws: what the runner throws; `SelectionError.shape` where a trained weight has another shape than the
    ///   checkpoint's; as `exportAdapter`.
    package func exportTrained(
        _ runner: any ModelRunner, rewind: Mask?, provenance: [String: String], to folder: String
    ) async throws {
        try makeParent(of: folder)
        let beside = "\(folder).trained-\(getpid())"
        var paths: [String] = []
        defer { for path in paths { Files.removeFile(path) } }
        // Spooled, so that a model never has to fit into the coordinator's memory.
        try await runner.trainedWeights { bundle in
            let path = "\(beside)-\(paths.count)"
            paths.append(path)
            try bundle.write(safetensors: path)
        }
        let files = try paths.map { try SafetensorsFile(path: $0) }
        let maps = Dictionary((rewind?.maps ?? []).map { ($0.shape.name, $0) }) { first, _ in first }
        try writer(of: provenance).write(to: folder) { name, rows, values in
            for file in files {
                guard let tensor = file.description(of: name) else { continue }
                guard tensor.type == .f32, tensor.shape == checkpoint.shape(of: name) else {
                    throw SelectionError.shape(
                        map: name, expected: checkpoint.shape(of: name) ?? [], found: tensor.shape)
                }
                let columns = tensor.shape.dropFirst().reduce(1, *)
                _ = file.withBytes(of: name) { bytes in
                    memcpy(values, bytes.baseAddress! + rows.lowerBound * columns * 4, rows.count * columns * 4)
                }
                guard let map = maps[name] else { return }
                let original = AlignedBuffer(floats: rows.count * columns, zeroed: false)
                try checkpoint.read(name, rows: rows, into: original.floats.baseAddress!)
                // As the workers do it.
                map.bits.withBytes { bits in
                    fl_mask_copy(
                        values, original.floats.baseAddress!, bits.baseAddress!.assumingMemoryBound(to: UInt8.self),
                        rows.lowerBound * columns, rows.count * columns)
                }
                return
            }
            try checkpoint.read(name, rows: rows, into: values)
        }
    }

    private func writer(of provenance: [String: String]) throws -> HuggingFaceExport {
        HuggingFaceExport(checkpoint: checkpoint, type: type, notes: [try note(provenance)])
    }

    /// What was done to which model.
    private func note(_ provenance: [String: String]) throws -> (name: String, bytes: [UInt8]) {
        var members = [
            JSON.Member("format", .text("faultline-model")), JSON.Member("version", .text("1")),
            JSON.Member("program", .text("faultline \(Release.version)")),
            JSON.Member("base_model", .text(try checkpoint.digest())),
            JSON.Member("base_model_name", .text(checkpoint.shortName)),
        ]
        if let part = checkpoint.languageModelPart {
            members.append(JSON.Member("language_model_of", .text(part.family)))
        }
        let made = provenance.sorted { $0.key < $1.key }.map { JSON.Member($0.key, .text($0.value)) }
        members.append(JSON.Member("made_by", .object(made)))
        return ("faultline.json", JSON.object(members).encoded(indent: true) + [10])
    }

    private func makeParent(of folder: String) throws {
        let parent = Paths.folder(of: folder)
        if parent != "." { try Files.makeFolder(parent) }
    }
}
