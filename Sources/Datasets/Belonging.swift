package import Checkpoint
package import Logging
package import Selection
package import Tensors

/// Whether files that are used together belong together: the same model, the same method.
///
/// Files of other programs need not say where they come from: that is said in one line, and only names and shapes are
/// checked.
package struct Belonging {
    private let force: Bool
    private let logger: Logger
    /// What was done all the same, for the metadata of what is written.
    package private(set) var forced: [String] = []

    /// - Parameter logger: for what is forced, and for files that do not say where they come from.
    package init(force: Bool, logger: Logger) { (self.force, self.logger) = (force, logger) }

    /// Metadata that tell what was forced.
    package var metadata: [String: String] {
        forced.isEmpty ? [:] : [Provenance.forcedKey: forced.joined(separator: "; ")]
    }

    /// A file that is used with a model was made for it.
    /// - Throws: `InputError` naming both.
    package mutating func check(_ file: Provenance, belongsTo model: Provenance, at path: String) throws(InputError) {
        note(forced: file)
        guard let own = file.model else { return unsaid(file, "which model it belongs to") }
        guard own != model.model else { return }
        try refuse(file.file, "belongs to \(file.modelTitle), \(path) is \(model.modelTitle)")
    }

    /// Files that are used together were made of one model.
    /// - Throws: `InputError` naming the first two that differ.
    package mutating func checkModels(_ files: [Provenance]) throws(InputError) {
        for file in files {
            note(forced: file)
            if file.model == nil { unsaid(file, "which model it belongs to") }
        }
        let known = files.filter { $0.model != nil }
        guard let other = known.first(where: { $0.model != known[0].model }) else { return }
        try refuse(other.file, "belongs to \(other.modelTitle), \(known[0].file) to \(known[0].modelTitle)")
    }

    /// Scores that are set against each other were made by one method.
    /// - Throws: `InputError` naming both.
    package mutating func checkMethods(_ a: Provenance, _ b: Provenance) throws(InputError) {
        for file in [a, b] where file.method == nil { unsaid(file, "by which method it was made") }
        guard let first = a.method, let second = b.method, first != second else { return }
        try refuse(b.file, "scores by \(second), \(a.file) by \(first)")
    }

    /// A mask speaks of every layer of the model.
    /// - Throws: `InputError`.
    package mutating func checkLayers(_ mask: Mask, at file: String, of config: ModelConfig) throws(InputError) {
        let layers = Set(mask.maps.compactMap { Self.layer(of: $0.shape.name) })
        let missing = (0..<config.layerCount).filter { !layers.contains($0) }
        guard !missing.isEmpty else { return }
        try refuse(
            file, "says nothing of \(missing.count) of the model's \(config.layerCount) layers (first \(missing[0]))")
    }

    /// Reads a mask that is to be used with a model; what was forced goes into its metadata.
    /// - Throws: `InputError`; `SelectionError`, `TensorFileError`.
    package mutating func mask(_ file: String, for checkpoint: Checkpoint, at path: String) throws -> Mask {
        var mask = try Mask(contentsOf: file)
        try mask.check(against: checkpoint, named: "\(file) against \(path)")
        try check(Provenance(file, metadata: mask.metadata), belongsTo: try checkpoint.provenance(), at: path)
        try checkLayers(mask, at: file, of: checkpoint.config)
        mask.metadata.merge(metadata) { $1 }
        return mask
    }

    /// Reads an edit of any kind that is to be used with a model; what was forced goes into its metadata.
    /// - Throws: `InputError`; `SelectionError`, `TensorFileError`; where a checkpoint or a file that the edit names cannot be
    ///   read, or is not the one that the edit was made with.
    package mutating func edit(_ file: String, for checkpoint: Checkpoint, at path: String) throws -> any WeightEdit {
        var edit = try EditFile.read(file)
        try edit.check(against: checkpoint, named: "\(file) against \(path)")
        try check(Provenance(file, metadata: edit.metadata), belongsTo: try checkpoint.provenance(), at: path)
        if let zeros = edit as? ZeroedWeights { try checkLayers(zeros.mask, at: file, of: checkpoint.config) }
        edit.metadata.merge(metadata) { $1 }
        return edit
    }

    /// Reads what a command changes its model by: a mask whose weights it sets to zero, or an edit.
    /// - Returns: `nil` where it has neither.
    /// - Throws: as `mask` and `edit`.
    package mutating func change(
        mask: String?, edit: String?, for checkpoint: Checkpoint, at path: String
    ) throws -> (any WeightEdit)? {
        if let mask { return ZeroedWeights(try self.mask(mask, for: checkpoint, at: path)) }
        guard let edit else { return nil }
        return try self.edit(edit, for: checkpoint, at: path)
    }

    /// What was forced when a file was made goes along with what is made of it.
    private mutating func note(forced file: Provenance) {
        guard let words = file.forced, !forced.contains(words) else { return }
        forced.append(words)
        logger.info("\(file.file): made with --force: \(words)")
    }

    private func unsaid(_ file: Provenance, _ what: String) {
        logger.info("\(file.file) does not say \(what): only names and shapes are checked")
    }

    private mutating func refuse(_ file: String, _ fault: String) throws(InputError) {
        guard force else { throw InputError(file, "\(fault); --force goes on all the same") }
        logger.warning("\(file): \(fault); going on (--force)")
        forced.append("\(file) \(fault)")
    }

    private static func layer(of weight: String) -> Int? {
        let words = weight.split(separator: ".")
        return words.count > 2 ? Int(words[2]) : nil
    }
}

extension Checkpoint {
    /// For the metadata of what is made of this model.
    /// - Throws: `CheckpointError` where a file of the model can no longer be read.
    package func provenance() throws -> Provenance { Provenance(model: try digest(), name: shortName) }
}
