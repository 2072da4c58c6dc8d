public import Checkpoint
public import Tensors

/// A direction of the residual stream in which two classes of prompts differ: the mean state of the first less that of the
/// second at one decoder block's input and one token of the prompt (arXiv 2406.11717, section 2.3).
///
/// A safetensors file with F64 [hidden size] `mean_difference`, r, and `direction`, r̂ = r / ‖r‖. Metadata: `layer`, the
/// block at whose input the states were taken; `position`, counted from the prompt's end (−1 is the last token); `layers`,
/// the model's; and the model's digest and name.
public struct ResidualDirection: Sendable, Equatable {
    public static let format = "faultline-residual-direction"
    private static let difference = "mean_difference"
    private static let unit = "direction"

    /// r
    public let difference: [Double]
    /// r̂, of length 1.
    public let unit: [Double]
    /// The block at whose input the states were taken, counted from 0.
    public let layer: Int
    /// −1 is the prompt's last token.
    public let position: Int
    /// Of the model.
    public let layerCount: Int
    public var metadata: [String: String]

    public var hiddenSize: Int { difference.count }

    /// - Throws: `SelectionError.file` where r is zero or no finite vector: there is no direction.
    public init(
        difference: [Double], layer: Int, position: Int, layerCount: Int, metadata: [String: String] = [:]
    ) throws(SelectionError) {
        let length = difference.reduce(0) { $0 + $1 * $1 }.squareRoot()
        guard length > 0, length.isFinite, Float(length).isNormal else {
            throw .file(
                "direction", map: "block \(layer), position \(position)",
                fault: length == 0
                    ? "the means of the two classes are equal there" : "the means' difference is no finite vector")
        }
        (self.difference, unit) = (difference, difference.map { $0 / length })
        (self.layer, self.position, self.layerCount) = (layer, position, layerCount)
        self.metadata = metadata
    }

    /// Of the file of a `residual_state` statistic.
    /// - Throws: `SelectionError.missing` where the statistic has no such block; `.file` where it has no such position, or the
    ///   means are equal.
    public init(
        of statistic: TensorBundle, layer: Int, position: Int, config: ModelConfig, metadata: [String: String] = [:]
    ) throws(SelectionError) {
        try self.init(
            difference: try ResidualState.meanDifference(of: statistic, .input(layer), position: position),
            layer: layer, position: position, layerCount: config.layerCount, metadata: metadata)
    }

    /// Reads a file.
    /// - Throws: `TensorFileError`; `SelectionError.file` where it is no direction.
    public init(contentsOf path: String) throws {
        try self.init(bundle: try TensorBundle(safetensors: path), source: path)
    }

    /// - Parameter source: names the bundle in errors.
    /// - Throws: `SelectionError.file` where the bundle is no direction.
    public init(bundle: TensorBundle, source: String) throws(SelectionError) {
        guard bundle.metadata["format"] == Self.format else {
            throw .file(
                source, fault: "not a direction (metadata format is \(bundle.metadata["format"] ?? "missing"))")
        }
        guard let version = bundle.metadata["version"], version == Provenance.version else {
            throw .file(
                source,
                fault: "version \(bundle.metadata["version"] ?? "missing"), this program reads \(Provenance.version)")
        }
        difference = try Self.vector(bundle, Self.difference, source)
        unit = try Self.vector(bundle, Self.unit, source)
        let length = unit.reduce(0) { $0 + $1 * $1 }.squareRoot()
        guard abs(length - 1) < 1e-9, unit.count == difference.count else {
            throw .file(source, map: Self.unit, fault: "is no vector of length 1 as wide as \(Self.difference)")
        }
        func number(_ key: String) throws(SelectionError) -> Int {
            guard let value = bundle.metadata[key].flatMap({ Int($0) }) else {
                throw .file(source, fault: "its metadata name no \(key)")
            }
            return value
        }
        (layer, position, layerCount) = (try number("layer"), try number("position"), try number("layers"))
        guard (0..<layerCount).contains(layer), position < 0 else {
            throw .file(source, fault: "block \(layer) of \(layerCount), position \(position) is no place of a prompt")
        }
        metadata = bundle.metadata
        for key in ["format", "version", "layer", "position", "layers"] { metadata[key] = nil }
    }

    private static func vector(
        _ bundle: TensorBundle, _ name: String, _ source: String
    ) throws(SelectionError) -> [Double] {
        guard let entry = bundle[name], entry.type == .f64, entry.shape.count == 1, entry.shape[0] > 0 else {
            throw .file(source, map: name, fault: "is no F64 vector")
        }
        let values = entry.buffer.doubleArray()
        guard values.allSatisfy(\.isFinite) else {
            throw .file(source, map: name, fault: "holds a value that is no finite number")
        }
        return values
    }

    public var bundle: TensorBundle {
        var words = metadata
        words["format"] = Self.format
        words["version"] = Provenance.version
        words["layer"] = "\(layer)"
        words["position"] = "\(position)"
        words["layers"] = "\(layerCount)"
        return TensorBundle(
            metadata: words,
            entries: [(Self.unit, unit), (Self.difference, difference)].map { name, values in
                .init(name: name, type: .f64, shape: [values.count], buffer: AlignedBuffer(doubles: values))
            })
    }

    /// Checks that the direction is one of a model of this shape.
    /// - Throws: `SelectionError.file`.
    public func check(against config: ModelConfig, named source: String) throws(SelectionError) {
        guard hiddenSize == config.hiddenSize, layerCount == config.layerCount else {
            throw .file(
                source,
                fault:
                    "a direction of a model with hidden size \(hiddenSize) and \(layerCount) blocks; this one has \(config.hiddenSize) and \(config.layerCount)"
            )
        }
    }

    /// Checks that the direction was found in this very model. A file that names no model passes.
    /// - Throws: `SelectionError.file` naming both models.
    public func check(belongsTo model: Provenance, named source: String) throws(SelectionError) {
        let own = Provenance(source, metadata: metadata)
        guard own.model == nil || own.model == model.model else {
            throw .file(source, fault: "a direction of \(own.modelTitle); the study's model is \(model.modelTitle)")
        }
    }
}

extension ResidualState {
    /// Mean of the harmful prompts less that of the harmless ones.
    /// - Parameters:
    ///   - file: a file of this statistic.
    ///   - position: −1 is the prompt's last token.
    /// - Returns: F64 [hidden size].
    /// - Throws: `SelectionError.missing` where the file has no such place, `.file` where it has no such position.
    public static func meanDifference(
        of file: TensorBundle, _ place: ResidualPlace, position: Int
    ) throws(SelectionError) -> [Double] {
        let positions = (file.metadata["option_positions"] ?? "-1").split(separator: ",").map { Int($0) }
        guard let row = positions.firstIndex(of: position) else {
            let known = positions.map { $0.map { "\($0)" } ?? "?" }.joined(separator: ", ")
            throw .file("the statistic", fault: "has no position \(position); it has \(known)")
        }
        var means: [[Double]] = []
        for label in ["harmful", "harmless"] {
            let name = "mean.\(label).\(place)"
            guard let entry = file[name], entry.type == .f64, entry.shape.count == 2, row < entry.shape[0] else {
                throw .missing(map: name, source: "the statistic")
            }
            let width = entry.shape[1]
            means.append(Array(entry.buffer.doubleArray()[row * width..<(row + 1) * width]))
        }
        return zip(means[0], means[1]).map { $0 - $1 }
    }
}
