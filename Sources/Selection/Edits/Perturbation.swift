public import Checkpoint
public import Tensors

/// An edit that moves all weights along one or two directions: W = W₀ + a d₁ + b d₂ (the safety landscape, arXiv 2405.17374).
///
/// Always from the checkpoint's W₀, so that no step's rounding enters another. A direction is drawn, standard normal, by seed
/// and tensor name, or read from a file. As published, it is scaled tensor by tensor, d ← d ‖W₀‖_F / ‖d‖_F, and is zero for
/// tensors with "norm" in their names; embedding, head and biases are moved as all others. A tied head is the embedding.
///
/// As tensors, for direction k from 1: `direction.k.factor` F64 [1]; `direction.k.seed` U8 [8], least byte first, or
/// `direction.k.digest` U8 [64] of a file whose path is in the metadata; and `options` I32 [2]: 1 where d₂ is orthogonal to
/// d₁, and 1 where directions are scaled.
public struct Perturbation: WeightEdit {
    public static let kind = EditKind.perturbation
    public static let title = "perturbation"
    static let format = "faultline-perturbation"

    public enum Direction: Sendable, Equatable {
        case random(seed: UInt64)
        /// - Parameter digest: SHA-256 of the file.
        case file(path: String, digest: String)
    }

    public struct Step: Sendable, Equatable {
        public var direction: Direction
        public var factor: Double

        public init(_ direction: Direction, factor: Double) { (self.direction, self.factor) = (direction, factor) }
    }

    /// One or two.
    public var steps: [Step]
    /// The second direction is made orthogonal to the first, tensor by tensor, before it is scaled.
    public var isOrthogonal: Bool
    /// Scaled to the tensor's own norm, and zero for norms; else taken as it is.
    public var isScaled: Bool
    public var metadata: [String: String]

    public init(
        _ steps: [Step], isOrthogonal: Bool = false, isScaled: Bool = true, metadata: [String: String] = [:]
    ) {
        precondition((1...2).contains(steps.count), "a perturbation along \(steps.count) directions")
        (self.steps, self.isOrthogonal, self.isScaled, self.metadata) = (steps, isOrthogonal, isScaled, metadata)
    }

    /// Tensors that stay as they are, by the published code's rule.
    static func isNorm(_ name: String) -> Bool { name.contains("norm") }

    // MARK: Tensors

    private static func key(_ number: Int, _ part: String) -> String { "direction.\(number).\(part)" }
    private static let options = "options"

    /// - Parameter source: names the bundle in errors.
    /// - Throws: `SelectionError.file` where the bundle is no such edit.
    public init(bundle: TensorBundle, source: String) throws(SelectionError) {
        guard try EditKind.of(bundle) == Self.kind else { throw .file(source, fault: "is no perturbation") }
        func fault(_ name: String) -> SelectionError { .file(source, map: name, fault: "is missing or malformed") }
        steps = []
        for number in 1...2 {
            let name = Self.key(number, "factor")
            guard let entry = bundle[name] else { continue }
            guard entry.type == .f64, entry.shape == [1], number == steps.count + 1 else { throw fault(name) }
            let factor = entry.buffer.doubleArray()[0]
            guard factor.isFinite else { throw fault(name) }
            steps.append(Step(try Self.direction(number, bundle, source), factor: factor))
        }
        guard let words = bundle[Self.options], words.type == .i32, words.shape == [2], !steps.isEmpty else {
            throw fault(Self.options)
        }
        let flags = words.buffer.int32Array()
        (isOrthogonal, isScaled) = (flags[0] == 1, flags[1] == 1)
        metadata = bundle.metadata.filter { !$0.key.hasPrefix("direction.") }
        for key in [EditKind.key, "format"] { metadata[key] = nil }
    }

    private static func direction(
        _ number: Int, _ bundle: TensorBundle, _ source: String
    ) throws(SelectionError) -> Direction {
        if let entry = bundle[key(number, "seed")], entry.type == .u8, entry.shape == [8] {
            return .random(seed: entry.buffer.byteArray().reversed().reduce(0) { $0 << 8 | UInt64($1) })
        }
        guard let entry = bundle[key(number, "digest")], entry.type == .u8,
            let path = bundle.metadata[key(number, "path")]
        else { throw .file(source, map: key(number, "digest"), fault: "is missing or malformed") }
        return .file(path: path, digest: String(decoding: entry.buffer.byteArray(), as: UTF8.self))
    }

    public var bundle: TensorBundle {
        var words = metadata.merging([EditKind.key: Self.kind.rawValue, "format": Self.format]) { $1 }
        var entries: [TensorBundle.Entry] = []
        func add(_ name: String, _ bytes: [UInt8]) {
            entries.append(.init(name: name, type: .u8, shape: [bytes.count], buffer: AlignedBuffer(bytes: bytes)))
        }
        for (index, step) in steps.enumerated() {
            let number = index + 1
            entries.append(
                .init(
                    name: Self.key(number, "factor"), type: .f64, shape: [1],
                    buffer: AlignedBuffer(doubles: [step.factor])))
            switch step.direction {
            case .random(let seed):
                add(Self.key(number, "seed"), (0..<8).map { UInt8(truncatingIfNeeded: seed >> (8 * $0)) })
            case .file(let path, let digest):
                add(Self.key(number, "digest"), Array(digest.utf8))
                words[Self.key(number, "path")] = path
            }
        }
        let flags = [Int32(isOrthogonal ? 1 : 0), isScaled ? 1 : 0]
        entries.append(.init(name: Self.options, type: .i32, shape: [2], buffer: AlignedBuffer(flags)))
        return TensorBundle(metadata: words, entries: entries)
    }

    /// Every stage gets all of it: it is a few bytes.
    public static func share(_ bundle: TensorBundle, of place: StagePlace) -> [TensorBundle.Entry] { bundle.entries }

    // MARK: Effect

    /// Opens the files of its directions.
    public func check(against model: any WeightSource, named source: String) throws {
        _ = try rewrite(of: model, files: .own)
    }

    public var isIdentity: Bool { steps.allSatisfy { $0.factor == 0 } }
    public var extent: EditExtent { EditExtent() }
    public var adapter: LowRankEdit? { nil }
    public func reasonForNoEffect(in model: any WeightSource) -> String? {
        isIdentity ? "its factors are 0" : nil
    }

    /// The model and the files decide what it comes to.
    /// - Throws: `SelectionError.notExported`, always: ask `rewrite(of:files:)`.
    public func rewrite() throws(SelectionError) -> WeightRewrite { throw .notExported(Self.title) }

    /// - Throws: where a direction's file cannot be read, or does not fit the model; `SelectionError.file` where its
    ///   content is another than the edit was made with.
    public func rewrite(of model: any WeightSource, files: EditFiles) throws -> WeightRewrite {
        if isIdentity { return { _, _, _ in } }
        let move = try DirectionMove(self, of: model, files: files)
        return { try move.apply($0, $1, $2) }
    }
}
