import Checkpoint
import Foundation
import Tensors

/// Writes a low-rank edit as a LoRA adapter that `peft` loads: W + B A with B = left and A = right.
///
/// Format: PEFT's `adapter_config.json` and `adapter_model.safetensors`. Maps differ in rank, so `rank_pattern` names each
/// one's, and `alpha_pattern` the same number, which makes the scaling alpha / r one everywhere.
public struct AdapterExport {
    /// What the adapter names as its base model.
    public let base: String
    /// More files of the folder, by name.
    public let notes: [(name: String, bytes: [UInt8])]

    public init(base: String, notes: [(name: String, bytes: [UInt8])] = []) { (self.base, self.notes) = (base, notes) }

    /// - Parameter folder: must not exist yet; it appears only when it is complete.
    /// - Throws: `SelectionError.file`; `TensorFileError`.
    public func write(_ edit: LowRankEdit, to folder: String) throws {
        guard !Files.exists(folder) else {
            throw SelectionError.file(folder, fault: "already exists: choose another folder")
        }
        guard !edit.maps.isEmpty else {
            throw SelectionError.file(folder, fault: "the edit changes nothing: there is no adapter to write")
        }
        let part = "\(folder).part-\(getpid())"
        do {
            try Files.makeFolder(part)
            let entries = edit.maps.flatMap { map in
                let module = "base_model.model.\(Self.module(map.shape.name))"
                if map.shape.name == ModelConfig.embeddingName { return Self.embedding(map, module) }
                return [
                    TensorBundle.Entry(
                        name: "\(module).lora_A.weight", type: .f32, shape: [map.rank, map.shape.columns],
                        buffer: map.right),
                    TensorBundle.Entry(
                        name: "\(module).lora_B.weight", type: .f32, shape: [map.shape.rows, map.rank],
                        buffer: map.left),
                ]
            }
            try TensorBundle(
                metadata: edit.metadata.filter { Self.kept.contains($0.key) }.merging(["format": "pt"]) { $1 },
                entries: entries
            )
            .write(safetensors: "\(part)/adapter_model.safetensors")
            for note in [("adapter_config.json", config(edit).encoded(indent: true))] + notes {
                try Files.write(note.1, to: "\(part)/\(note.0)")
            }
            do throws(FileFault) { try Files.rename(part, to: folder) } catch {
                throw SelectionError.file(folder, fault: "cannot rename the finished folder: \(error)")
            }
            AtomicFile.flushFolder(of: folder)
        } catch {
            try? Files.remove(part)
            throw error
        }
    }

    /// An embedding's factors are looked up by token: peft stores them transposed, under names of their own.
    private static func embedding(_ map: LowRankEdit.Map, _ module: String) -> [TensorBundle.Entry] {
        func transposed(_ values: AlignedBuffer, _ rows: Int, _ columns: Int) -> AlignedBuffer {
            let result = AlignedBuffer(floats: rows * columns, zeroed: false)
            for row in 0..<rows {
                for column in 0..<columns { result.floats[column * rows + row] = values.floats[row * columns + column] }
            }
            return result
        }
        return [
            .init(
                name: "\(module).lora_embedding_A", type: .f32, shape: [map.rank, map.shape.rows],
                buffer: transposed(map.left, map.shape.rows, map.rank)),
            .init(
                name: "\(module).lora_embedding_B", type: .f32, shape: [map.shape.columns, map.rank],
                buffer: transposed(map.right, map.rank, map.shape.columns)),
        ]
    }

    /// Metadata that go along: which model and what it was made with.
    private static let kept: Set = [Provenance.modelKey, Provenance.nameKey, Provenance.forcedKey, "selection"]

    /// The module a weight belongs to.
    private static func module(_ weight: String) -> String {
        weight.hasSuffix(".weight") ? String(weight.dropLast(7)) : weight
    }

    private func config(_ edit: LowRankEdit) -> JSON {
        let ranks = edit.maps.map { (Self.module($0.shape.name), $0.rank) }
        let pattern = JSON.object(ranks.map { JSON.Member($0.0, .integer($0.1)) })
        let most = ranks.map(\.1).max() ?? 1
        return .object([
            .init("peft_type", .text("LORA")), .init("task_type", .text("CAUSAL_LM")),
            .init("base_model_name_or_path", .text(base)), .init("r", .integer(most)),
            .init("lora_alpha", .integer(most)), .init("rank_pattern", pattern), .init("alpha_pattern", pattern),
            .init("target_modules", .array(ranks.map { .text($0.0) })), .init("lora_dropout", .number(0)),
            .init("bias", .text("none")), .init("fan_in_fan_out", .bool(false)),
            .init("use_rslora", .bool(false)), .init("inference_mode", .bool(true)),
        ])
    }
}
