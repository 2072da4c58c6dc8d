public import Tensors

/// How alike two models' residual streams are on the same prompts: the cosine of their mean states, at each place, position
/// and list of prompts (of the means, not the mean of cosines).
public struct StateCosine: Sendable, Equatable {
    /// The list of prompts.
    public var list: String
    /// As in the file: `input.LAYER`, `output` or `norm`.
    public var place: String
    /// Counted from the prompt's end.
    public var position: Int
    /// `nil`: one of the states is zero.
    public var cosine: Double?

    public init(list: String, place: String, position: Int, cosine: Double?) {
        (self.list, self.place, self.position, self.cosine) = (list, place, position, cosine)
    }

    /// - Parameters:
    ///   - files: two `residual_state` statistics.
    ///   - names: what errors call them.
    /// - Returns: by list, place in the order of the model, and position.
    /// - Throws: `SelectionError.file` where one is no such statistic, or they are of other prompts or positions;
    ///   `SelectionError.shape` where the models differ in shape; `SelectionError.missing` in layers.
    public static func between(
        _ files: (TensorBundle, TensorBundle), named names: (String, String)
    ) throws(SelectionError) -> [StateCosine] {
        for (file, name) in [(files.0, names.0), (files.1, names.1)] {
            guard file.metadata["statistic"] == ResidualState.name else {
                throw .file(name, fault: "is no file of the statistic \(ResidualState.name)")
            }
        }
        for (key, what) in [("blocks", "prompts"), ("option_positions", "positions")] {
            guard files.0.metadata[key] == files.1.metadata[key] else {
                throw .file(names.1, fault: "is of other \(what) than \(names.0): collect both on the same ones")
            }
        }
        let positions = files.0.metadata["option_positions"]?.split(separator: ",").map { Int($0) ?? 0 } ?? [-1]
        let theirs = Dictionary(files.1.entries.map { ($0.name, $0) }) { first, _ in first }
        var found: [(order: Int, value: StateCosine)] = []
        var count = 0
        for entry in files.0.entries {
            let words = entry.name.split(separator: ".", maxSplits: 2).map(String.init)
            guard words.count == 3, words[0] == "mean" else { continue }
            count += 1
            guard let other = theirs[entry.name] else { throw .missing(map: entry.name, source: names.1) }
            guard entry.type == .f64, other.type == .f64, entry.shape == other.shape, entry.shape.count == 2,
                entry.shape[0] == positions.count
            else { throw .shape(map: "\(names.1): \(entry.name)", expected: entry.shape, found: other.shape) }
            let (a, b) = (entry.buffer.doubleArray(), other.buffer.doubleArray())
            let width = entry.shape[1]
            for (row, position) in positions.enumerated() {
                let rows = row * width..<(row + 1) * width
                found.append(
                    (
                        order(words[2]),
                        StateCosine(
                            list: words[1], place: words[2], position: position,
                            cosine: cosine(Array(a[rows]), Array(b[rows])))
                    ))
            }
        }
        guard theirs.keys.count(where: { $0.hasPrefix("mean.") }) == count else {
            throw .file(names.1, fault: "is of a model with other layers than that of \(names.0)")
        }
        return found.enumerated().sorted { a, b in
            (a.element.value.list, a.element.order, a.offset) < (b.element.value.list, b.element.order, b.offset)
        }.map(\.element.value)
    }

    private static func order(_ place: String) -> Int {
        switch place {
        case "output": .max - 1
        case "norm": .max
        default: Int(place.dropFirst("input.".count)) ?? .max - 2
        }
    }

    private static func cosine(_ a: [Double], _ b: [Double]) -> Double? {
        var (both, first, second) = (0.0, 0.0, 0.0)
        for (x, y) in zip(a, b) {
            both += x * y
            first += x * x
            second += y * y
        }
        guard first > 0, second > 0 else { return nil }
        // One root of the product, so that a state with itself is 1 to the bit.
        return both / (first * second).squareRoot()
    }
}
