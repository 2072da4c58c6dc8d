import CKernels
public import Checkpoint
public import Tensors

/// An edit that multiplies whole linear maps by a factor (Safety Layers, arXiv 2408.17003, section 3.3). Biases and norms stay.
///
/// As tensors: the factor, F32 [1], under the name of every map that is scaled. The metadata hold `shape:NAME` =
/// "rows,columns".
public struct ScaledWeights: WeightEdit {
    public static let kind = EditKind.scale
    public static let title = "scaled weights"
    private static let shape = "shape:"

    public let maps: [WeightShape]
    public let factor: Float
    public var metadata: [String: String]

    public init(_ maps: [WeightShape], by factor: Float, metadata: [String: String] = [:]) {
        self.maps = maps.sorted { $0.name < $1.name }
        (self.factor, self.metadata) = (factor, metadata)
    }

    /// Linear maps of consecutive decoder blocks.
    public init(_ layers: Range<Int>, _ maps: [LinearMap], by factor: Float, of config: ModelConfig) {
        self.init(
            layers.flatMap { layer in
                maps.map { map in
                    let shape = map.shape(in: config)
                    return WeightShape(name: map.weightName(layer: layer), rows: shape.rows, columns: shape.columns)
                }
            }, by: factor)
    }

    /// - Throws: `SelectionError.file` where the bundle is no such edit; `.unknownEdit` where its kind is none.
    public init(bundle: TensorBundle, source: String) throws(SelectionError) {
        guard try EditKind.of(bundle) == Self.kind else { throw .file(source, fault: "is no edit that scales weights") }
        var maps: [WeightShape] = []
        var factors: Set<Float> = []
        for entry in bundle.entries {
            guard entry.type == .f32, entry.shape == [1], entry.buffer.floats[0].isFinite,
                let text = bundle.metadata[Self.shape + entry.name]
            else { throw .file(source, map: entry.name, fault: "is no factor of a weight") }
            let sizes = text.split(separator: ",").map { Int($0) }
            guard sizes.count == 2, let rows = sizes[0], let columns = sizes[1], rows > 0, columns > 0 else {
                throw .file(
                    source, map: entry.name, fault: "metadata \(Self.shape)\(entry.name) is not \"rows,columns\"")
            }
            maps.append(WeightShape(name: entry.name, rows: rows, columns: columns))
            factors.insert(entry.buffer.floats[0])
        }
        guard factors.count == 1, let factor = factors.first else {
            throw .file(source, fault: "has \(factors.count) factors, and all weights are scaled by one")
        }
        self.init(maps, by: factor)
        metadata = bundle.metadata.filter { !$0.key.hasPrefix(Self.shape) && $0.key != EditKind.key }
    }

    /// Equal edits have equal bytes: maps by their names.
    public var bundle: TensorBundle {
        var words = metadata
        words[EditKind.key] = Self.kind.rawValue
        for map in maps { words[Self.shape + map.name] = "\(map.rows),\(map.columns)" }
        return TensorBundle(
            metadata: words,
            entries: maps.map { .init(name: $0.name, type: .f32, shape: [1], buffer: AlignedBuffer([factor])) })
    }

    public static func share(_ bundle: TensorBundle, of place: StagePlace) -> [TensorBundle.Entry] {
        place.entries(of: bundle)
    }

    public func check(against model: any WeightSource, named source: String) throws {
        for map in maps {
            guard let shape = model.shape(of: map.name) else {
                throw SelectionError.missing(map: map.name, source: source)
            }
            guard shape == [map.rows, map.columns] else {
                throw SelectionError.shape(map: map.name, expected: shape, found: [map.rows, map.columns])
            }
        }
    }

    public var extent: EditExtent { EditExtent() }
    public var adapter: LowRankEdit? { nil }

    public func reasonForNoEffect(in model: any WeightSource) -> String? {
        maps.isEmpty ? "it scales no weight" : factor == 1 ? "its factor is 1" : nil
    }

    /// Multiplies the weights of the scaled maps, as the workers do.
    /// - Throws: nothing: every such edit can be written into weights.
    public func rewrite() throws(SelectionError) -> WeightRewrite {
        let columns = Dictionary(maps.map { ($0.name, $0.columns) }) { first, _ in first }
        return { [factor] name, rows, values in
            guard let columns = columns[name] else { return }
            fl_scale(values, factor, rows.count * columns)
        }
    }
}
