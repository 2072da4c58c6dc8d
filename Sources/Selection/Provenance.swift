/// What a file says of where it comes from: the model it belongs to, and what it was made with.
public struct Provenance: Sendable, Equatable {
    /// Metadata: the model's digest.
    public static let modelKey = "model"
    /// Metadata: what a person calls the model.
    public static let nameKey = "model_name"
    /// Metadata: what was done against a refusal (`--force`), in words.
    public static let forcedKey = "forced"
    /// Metadata: the kernel level of the workers that computed it, by name.
    public static let levelKey = "kernel_level"
    /// Version of the formats of scores, masks, subspaces and low-rank edits. Files of version 1 name their model by a
    /// digest of samples of it, which is compared with nothing any more.
    public static let version = "2"
    static let readable = ["1", version]

    /// Where the file lies.
    public var file: String
    public var model: String?
    public var name: String?
    /// `snip` …, and for SNIP its loss, as in "snip (mean)"; `nil`: the file does not say.
    public var method: String?
    /// What was done against a refusal when it was made; `nil`: nothing.
    public var forced: String?

    public init(_ file: String, metadata: [String: String]) {
        self.file = file
        model = metadata[Self.modelKey]
        name = metadata[Self.nameKey]
        forced = metadata[Self.forcedKey]
        method = metadata["method"].map { method in metadata["loss"].map { "\(method) (\($0))" } ?? method }
    }

    public init(model: String, name: String) { (file, self.model, self.name) = ("", model, name) }

    /// "Qwen2.5-0.5B (digest 0123456789ab…)"
    public var modelTitle: String {
        guard let model else { return "a model it does not name" }
        return "\(name ?? "a model") (digest \(model.prefix(12))…)"
    }

    /// Metadata that say which model something belongs to.
    public var modelMetadata: [String: String] {
        var metadata: [String: String] = [:]
        if let model { metadata[Self.modelKey] = model }
        if let name { metadata[Self.nameKey] = name }
        return metadata
    }

    /// Metadata as far as they can be compared: a file of version 1 does not say which model it belongs to.
    static func comparable(_ metadata: [String: String]) -> [String: String] {
        metadata["version"] == "1" && metadata["format"]?.hasPrefix("faultline-") == true
            ? metadata.filter { $0.key != modelKey } : metadata
    }
}
