public import Checkpoint
public import Tensors

/// An edit that adds differences of checkpoints: W + Σ γ m ⊙ (A − B), of the model's own weights and other checkpoints'.
///
/// Interpolation to a checkpoint A is W + t (A − W); a task vector γ (A − B) of two fine-tunings; m may keep a mask's weights
/// alone, or a random share. It is computed in F64 from widened weights and rounded once, to F32.
///
/// As tensors, for term k from 0: `term.k.scale` F64 [1]; `term.k.to.digests`, `term.k.from.digests` U8 [layers × 64], absent
/// for the model's own weights, with the paths in the metadata; `term.k.mask.NAME` as in a mask's file; `term.k.share` F64 [2]:
/// the share kept at random, and 1 where what is kept is divided by it; `term.k.seed` U8 [8], least byte first.
public struct WeightDelta: WeightEdit {
    public static let kind = EditKind.delta
    public static let title = "delta"
    static let format = "faultline-delta"

    /// Weights kept at random, each by itself.
    public struct Share: Sendable, Equatable {
        /// Of each weight, the probability to be kept.
        public var probability: Double
        public var seed: UInt64
        /// What is kept is divided by the probability (DARE, arXiv 2311.03099).
        public var isRescaled: Bool

        public init(probability: Double, seed: UInt64, isRescaled: Bool) {
            (self.probability, self.seed, self.isRescaled) = (probability, seed, isRescaled)
        }
    }

    public struct Term: Sendable, Equatable {
        /// `nil`: the model's own weights.
        public var to: OtherCheckpoint?
        public var from: OtherCheckpoint?
        public var scale: Double
        /// Weights outside it, and all that is no linear map, get nothing of this term; `nil`: all weights get it.
        public var mask: Mask?
        public var share: Share?

        public init(
            to: OtherCheckpoint?, from: OtherCheckpoint? = nil, scale: Double, mask: Mask? = nil, share: Share? = nil
        ) {
            (self.to, self.from, self.scale, self.mask, self.share) = (to, from, scale, mask, share)
        }

        /// Why it adds nothing, as far as its settings tell.
        var reasonForNothing: String? {
            if scale == 0 { return "its scale is 0" }
            if to == from { return "the two checkpoints have the same weights" }
            if mask?.count == 0 { return "its mask selects no weight" }
            return share?.probability == 0 ? "it keeps no weight" : nil
        }
    }

    public var terms: [Term]
    public var metadata: [String: String]

    public init(_ terms: [Term], metadata: [String: String] = [:]) {
        (self.terms, self.metadata) = (terms, metadata)
    }

    // MARK: Tensors

    static func key(_ term: Int, _ part: String) -> String { "term.\(term).\(part)" }

    /// - Parameter source: names the bundle in errors.
    /// - Throws: `SelectionError.file` where the bundle is no such edit.
    public init(bundle: TensorBundle, source: String) throws(SelectionError) {
        guard try EditKind.of(bundle) == Self.kind else { throw .file(source, fault: "is no delta") }
        let entries = Dictionary(bundle.entries.map { ($0.name, $0) }) { first, _ in first }
        terms = []
        while let scale = entries[Self.key(terms.count, "scale")] {
            let number = terms.count
            guard scale.type == .f64, scale.shape == [1], scale.buffer.doubleArray()[0].isFinite else {
                throw .file(source, map: scale.name, fault: "is no finite F64 [1]")
            }
            func checkpoint(_ part: String) throws(SelectionError) -> OtherCheckpoint? {
                guard let entry = entries[Self.key(number, part + ".digests")] else { return nil }
                guard entry.type == .u8, entry.shape.count == 2, entry.shape[1] == 64,
                    let path = bundle.metadata[Self.key(number, part)]
                else { throw .file(source, map: entry.name, fault: "is no U8 [layers × 64], or has no path") }
                let text = entry.buffer.byteArray()
                return OtherCheckpoint(
                    path: path,
                    digests: (0..<entry.shape[0]).map {
                        String(decoding: text[$0 * 64..<($0 + 1) * 64], as: UTF8.self)
                    })
            }
            terms.append(
                Term(
                    to: try checkpoint("to"), from: try checkpoint("from"), scale: scale.buffer.doubleArray()[0],
                    mask: try Self.mask(number, bundle, source), share: try Self.share(number, entries, source)))
        }
        metadata = bundle.metadata.filter { !$0.key.hasPrefix("term.") }
        for key in [EditKind.key, "format"] { metadata[key] = nil }
    }

    private static func mask(
        _ number: Int, _ bundle: TensorBundle, _ source: String
    ) throws(SelectionError) -> Mask? {
        let prefix = key(number, "mask.")
        guard bundle.metadata[key(number, "masked")] == "true" else { return nil }
        var words = ["format": Mask.format, "version": Mask.version]
        var entries: [TensorBundle.Entry] = []
        for entry in bundle.entries where entry.name.hasPrefix(prefix) {
            let name = String(entry.name.dropFirst(prefix.count))
            words["shape:\(name)"] = bundle.metadata[key(number, "shape:\(name)")]
            entries.append(.init(name: name, type: entry.type, shape: entry.shape, buffer: entry.buffer))
        }
        return try Mask(bundle: TensorBundle(metadata: words, entries: entries), source: source)
    }

    private static func share(
        _ number: Int, _ entries: [String: TensorBundle.Entry], _ source: String
    ) throws(SelectionError) -> Share? {
        guard let entry = entries[key(number, "share")] else { return nil }
        guard entry.type == .f64, entry.shape == [2], let seed = entries[key(number, "seed")], seed.type == .u8,
            seed.shape == [8], (0...1).contains(entry.buffer.doubleArray()[0])
        else { throw .file(source, map: entry.name, fault: "is no share and seed") }
        let values = entry.buffer.doubleArray()
        return Share(
            probability: values[0], seed: seed.buffer.byteArray().reversed().reduce(0) { $0 << 8 | UInt64($1) },
            isRescaled: values[1] == 1)
    }

    public var bundle: TensorBundle {
        var words = metadata.merging([EditKind.key: Self.kind.rawValue, "format": Self.format]) { $1 }
        var entries: [TensorBundle.Entry] = []
        func add(_ name: String, _ bytes: [UInt8], _ shape: [Int]) {
            entries.append(.init(name: name, type: .u8, shape: shape, buffer: AlignedBuffer(bytes: bytes)))
        }
        func add(_ name: String, _ values: [Double]) {
            entries.append(
                .init(name: name, type: .f64, shape: [values.count], buffer: AlignedBuffer(doubles: values)))
        }
        for (number, term) in terms.enumerated() {
            add(Self.key(number, "scale"), [term.scale])
            for (part, checkpoint) in [("to", term.to), ("from", term.from)] {
                guard let checkpoint else { continue }
                add(
                    Self.key(number, part + ".digests"), checkpoint.digests.flatMap { Array($0.utf8) },
                    [checkpoint.digests.count, 64])
                words[Self.key(number, part)] = checkpoint.path
            }
            if let share = term.share {
                add(Self.key(number, "share"), [share.probability, share.isRescaled ? 1 : 0])
                add(Self.key(number, "seed"), (0..<8).map { UInt8(truncatingIfNeeded: share.seed >> (8 * $0)) }, [8])
            }
            guard let mask = term.mask else { continue }
            words[Self.key(number, "masked")] = "true"
            for entry in mask.bundle.entries {
                entries.append(
                    .init(
                        name: Self.key(number, "mask.\(entry.name)"), type: entry.type, shape: entry.shape,
                        buffer: entry.buffer))
            }
            for map in mask.maps {
                words[Self.key(number, "shape:\(map.shape.name)")] = "\(map.shape.rows),\(map.shape.columns)"
            }
        }
        return TensorBundle(metadata: words, entries: entries)
    }

    /// Masks go to the stages weight by weight; the rest is a few bytes a layer.
    public static func share(_ bundle: TensorBundle, of place: StagePlace) -> [TensorBundle.Entry] {
        place.entries(of: bundle)
    }

    // MARK: Effect

    /// Opens the other checkpoints, and reads as much of them as their digests need.
    public func check(against model: any WeightSource, named source: String) throws {
        _ = try rewrite(of: model, files: .own)
    }

    public var isIdentity: Bool { terms.allSatisfy { $0.reasonForNothing != nil } }
    public var extent: EditExtent { EditExtent() }
    public var adapter: LowRankEdit? { nil }
    public func reasonForNoEffect(in model: any WeightSource) -> String? {
        isIdentity ? (terms.first?.reasonForNothing ?? "it adds nothing") : nil
    }

    /// The model and the other checkpoints decide what it comes to.
    /// - Throws: `SelectionError.notExported`, always: ask `rewrite(of:files:)`.
    public func rewrite() throws(SelectionError) -> WeightRewrite { throw .notExported(Self.title) }

    /// - Throws: where a checkpoint cannot be read, or does not fit the model; `SelectionError.file` where its content is
    ///   another than the edit was made with.
    public func rewrite(of model: any WeightSource, files: EditFiles) throws -> WeightRewrite {
        try rewrite(of: model, layers: 0..<model.config.layerCount, files: files)
    }

    /// - Parameter layers: those whose weights, with embedding and head where they hold the first or the last, are asked for.
    /// - Throws: as `rewrite(of:files:)`.
    public func rewrite(of model: any WeightSource, layers: Range<Int>, files: EditFiles) throws -> WeightRewrite {
        if isIdentity { return { _, _, _ in } }
        let sum = try DeltaSum(self, of: model, layers: layers, files: files)
        return { try sum.apply($0, $1, $2) }
    }
}
