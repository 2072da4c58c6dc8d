public import Checkpoint
public import Tensors

/// A change of a model, as far as both programs have to agree on it: its kind, its tensors, which of them a stage gets, and
/// what it makes of a weight that is exported.
///
/// What a stage does with it is its `AppliedEdit` (DecoderEngine/Edits). An edit's type is found by its kind (`EditKind.type`).
public protocol WeightEdit: Sendable {
    static var kind: EditKind { get }
    /// What progress and logs call it.
    static var title: String { get }

    /// - Parameter source: names the bundle in errors.
    /// - Throws: `SelectionError.file` where the bundle is no such edit.
    init(bundle: TensorBundle, source: String) throws(SelectionError)
    /// The edit as tensors, as the workers and a file get it.
    var bundle: TensorBundle { get }
    /// Where it comes from; free text.
    var metadata: [String: String] { get set }

    /// Checks that it speaks of this model: of its weights in their shapes, of blocks that it has, of files that fit it.
    /// - Parameter source: names the edit in errors.
    /// - Throws: `SelectionError` naming what does not fit; where a file beside the edit cannot be read, or is not the one
    ///   that the edit was made with.
    func check(against model: any WeightSource, named source: String) throws

    /// The entries of a bundle of this kind that a stage needs.
    static func share(_ bundle: TensorBundle, of place: StagePlace) -> [TensorBundle.Entry]

    /// What results say of its size.
    var extent: EditExtent { get }
    /// - Returns: why the model is the same with it; `nil` where something changes.
    /// - Throws: where the model's weights cannot be read.
    func reasonForNoEffect(in model: any WeightSource) throws -> String?
    /// - Returns: what makes the edited rows of a weight out of the checkpoint's.
    /// - Throws: `SelectionError.notExported` where weights alone do not hold what it does.
    func rewrite() throws(SelectionError) -> WeightRewrite
    /// The same of an edit that looks at the whole model, or at files beside it.
    /// - Parameter model: the checkpoint as it is.
    /// - Throws: as `rewrite()`; where a file cannot be read, or is not the one that the edit was made with.
    func rewrite(of model: any WeightSource, files: EditFiles) throws -> WeightRewrite
    /// Its model is the checkpoint to the bit, as its settings alone tell.
    var isIdentity: Bool { get }
    /// The same as a LoRA adapter could hold it; `nil`: none can.
    var adapter: LowRankEdit? { get }
    /// It changes the embedding and leaves the head as it is: a model whose head is its embedding is then exported with a head
    /// of its own.
    var leavesHead: Bool { get }
}

extension WeightEdit {
    public var leavesHead: Bool { false }
}

extension WeightEdit {
    public func rewrite(of model: any WeightSource, files: EditFiles) throws -> WeightRewrite { try rewrite() }
    public var isIdentity: Bool { false }
}

/// Changes consecutive rows of the weight of that name, in place: values [rows × columns], row by row. Weights that the edit
/// leaves alone stay as they are.
public typealias WeightRewrite = (_ weight: String, _ rows: Range<Int>, _ values: UnsafeMutablePointer<Float>) throws ->
    Void

/// How large an edit is, in numbers of results.
public struct EditExtent: Sendable, Equatable {
    /// Weights that it sets to zero.
    public var zeroed: Int
    /// Ranks of the change, over all linear maps.
    public var ranks: Int

    public init(zeroed: Int = 0, ranks: Int = 0) { (self.zeroed, self.ranks) = (zeroed, ranks) }
}

/// Where a stage stands in a pipeline.
public struct StagePlace: Sendable, Equatable {
    /// Its decoder layers.
    public var layers: Range<Int>
    public var isFirst: Bool
    public var isLast: Bool

    /// - Parameter layerCount: of the whole model.
    public init(layers: Range<Int>, of layerCount: Int) {
        self.layers = layers
        (isFirst, isLast) = (layers.lowerBound == 0, layers.upperBound == layerCount)
    }

    /// Entries named after a weight of the stage's layers, and those that are named after no layer.
    /// - Parameter isWanted: decides about the latter; all of them by default.
    func entries(of bundle: TensorBundle, others isWanted: (String) -> Bool = { _ in true }) -> [TensorBundle.Entry] {
        bundle.entries.filter { entry in
            Self.layer(of: entry.name).map { layers.contains($0) } ?? isWanted(entry.name)
        }
    }

    /// N of `model.layers.N.…`.
    package static func layer(of name: String) -> Int? {
        let words = name.split(separator: ".")
        guard let place = words.firstIndex(of: "layers"), place + 1 < words.count else { return nil }
        return Int(words[place + 1])
    }
}
