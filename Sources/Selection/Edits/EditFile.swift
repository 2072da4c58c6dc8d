import Tensors

/// An edit as a file of its own: one that a study wrote into `edits`, a mask, or another program's low-rank edit.
public enum EditFile {
    /// Kinds that are a part of a fine-tuning run or of a task: they make no other model.
    private static let parts: Set<EditKind> = [.freeze, .training, .operands]

    /// - Returns: the edit, of the kind that the file names; of one that names none, of the kind that its format tells.
    /// - Throws: `TensorFileError` where it cannot be read; `SelectionError.file` where it is no edit of a model;
    ///   `SelectionError.unknownEdit` where its kind is none.
    public static func read(_ path: String) throws -> any WeightEdit {
        let bundle = try TensorBundle(mapping: path)
        return try kind(of: bundle, source: path).type.init(bundle: bundle, source: path)
    }

    static func kind(of bundle: TensorBundle, source: String) throws(SelectionError) -> EditKind {
        guard bundle.metadata[EditKind.key] != nil else {
            switch bundle.metadata["format"] {
            case Mask.format?: return .zero
            case LowRankEdit.format?: return .lowRank
            case let format: throw .file(source, fault: "holds no edit (metadata format is \(format ?? "missing"))")
            }
        }
        let kind = try EditKind.of(bundle)
        guard !parts.contains(kind) else {
            throw .file(source, fault: "is a part of a run (\(kind.rawValue)), and no edit that makes another model")
        }
        return kind
    }
}
