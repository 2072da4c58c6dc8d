public import Checkpoint
public import Tensors

/// An edit that takes a direction out of the residual stream while the model runs: x becomes x − λ (r̂ᵀx) r̂ at every decoder
/// block's input and in what its attention and its MLP add, at all positions (arXiv 2406.11717, section 2.4).
/// Weights stay as they are.
///
/// As tensors: `direction` F32 [hidden size], the unit vector r̂, and `strength` F32 [1], λ.
public struct Ablation: WeightEdit {
    public static let kind = EditKind.ablation
    public static let title = "ablation"
    static let format = "faultline-ablation"
    private static let vector = "direction"
    private static let factor = "strength"

    /// r̂, of length 1.
    public let direction: [Float]
    /// λ: 1 takes the whole component away, 0 changes nothing.
    public let strength: Float
    public var metadata: [String: String]

    public init(_ direction: [Float], strength: Float = 1, metadata: [String: String] = [:]) {
        (self.direction, self.strength, self.metadata) = (direction, strength, metadata)
    }

    /// Reads the direction and its strength.
    /// - Throws: `SelectionError.file` where the bundle is of another kind, or its vector is not of length 1;
    ///   `.unknownEdit` where its kind is none.
    public init(bundle: TensorBundle, source: String) throws(SelectionError) {
        guard try EditKind.of(bundle) == Self.kind else { throw .file(source, fault: "is no ablation") }
        guard let entry = bundle[Self.vector], entry.type == .f32, entry.shape.count == 1 else {
            throw .file(source, map: Self.vector, fault: "is no F32 vector")
        }
        guard let factor = bundle[Self.factor], factor.type == .f32, factor.shape == [1],
            factor.buffer.floats[0].isFinite
        else { throw .file(source, map: Self.factor, fault: "is no finite F32 [1]") }
        direction = entry.buffer.floatArray()
        let squares = direction.reduce(0) { $0 + Double($1) * Double($1) }
        guard abs(squares - 1) < 1e-4 else {
            throw .file(source, map: Self.vector, fault: "has length \(squares.squareRoot()), not 1")
        }
        strength = factor.buffer.floats[0]
        metadata = bundle.metadata
        for key in [EditKind.key, "format"] { metadata[key] = nil }
    }

    public var bundle: TensorBundle {
        let words = metadata.merging([EditKind.key: Self.kind.rawValue, "format": Self.format]) { $1 }
        return TensorBundle(
            metadata: words,
            entries: [
                .init(name: Self.vector, type: .f32, shape: [direction.count], buffer: AlignedBuffer(direction)),
                .init(name: Self.factor, type: .f32, shape: [1], buffer: AlignedBuffer([strength])),
            ])
    }

    /// All stages get all of it.
    public static func share(_ bundle: TensorBundle, of place: StagePlace) -> [TensorBundle.Entry] { bundle.entries }

    public var extent: EditExtent { EditExtent() }
    public var adapter: LowRankEdit? { nil }
    public func reasonForNoEffect(in model: any WeightSource) -> String? {
        strength == 0 ? "its strength is 0" : nil
    }
    /// Weights alone do not hold it; those of `Orthogonalisation` do the same.
    /// - Throws: `SelectionError.notExported`, always.
    public func rewrite() throws(SelectionError) -> WeightRewrite { throw .notExported(Self.title) }

    public func check(against model: any WeightSource, named source: String) throws {
        try check(against: model.config, named: source)
    }

    /// Checks the direction against a model.
    /// - Throws: `SelectionError.shape`.
    public func check(against config: ModelConfig, named source: String) throws(SelectionError) {
        guard direction.count == config.hiddenSize else {
            throw .shape(map: "\(source), direction", expected: [config.hiddenSize], found: [direction.count])
        }
    }
}
