import Tensors
import Yams

/// Lists in a condition stand for a grid: `set_difference: {p: [1, 3], q: [1, 3]}` is four conditions.
///
/// A point's name is the condition's own (or its method's), then every listed key with its value: `set_difference-p1-q3`.
/// A percent sign, which no name has, becomes `pct`. `random: {like: …}` of a whole grid is a grid, too.
enum GridExpansion {
    /// More points are a slip of the pen.
    static let limit = 10_000

    /// The conditions that a list of them stands for, each with the place it has in the file's own list.
    /// - Throws: `InputError`.
    static func expand(_ nodes: [Node], file: String) throws(InputError) -> [(index: Int, node: Node)] {
        var result: [(index: Int, node: Node)] = []
        /// Names of a grid's points by the grid's own name.
        var grids: [String: [String]] = [:]
        for (index, node) in nodes.enumerated() {
            let points = try points(of: node, index, grids, file)
            if let name = points.grid {
                var names = grids[name] ?? []
                for node in points.nodes {
                    if let own = node.mapping?["name"]?.scalar?.string { names.append(own) }
                }
                grids[name] = names
            }
            result += points.nodes.map { (index, $0) }
            guard result.count <= limit else {
                throw InputError(
                    StudyNode.place(file, node.mark?.line), "conditions[\(index)]: more than \(limit) conditions")
            }
        }
        return result
    }

    private static func points(
        of node: Node, _ index: Int, _ grids: [String: [String]], _ file: String
    ) throws(InputError) -> (grid: String?, nodes: [Node]) {
        guard let mapping = node.mapping,
            let (method, settings) = mapping.lazy.compactMap({ key, value in
                value.mapping.flatMap { settings in key.string.map { ($0, settings) } }
            }).first
        else { return (nil, [node]) }
        let own = mapping["name"].flatMap { $0.isNull ? nil : $0.scalar?.string }
        let base = own ?? method
        var axes: [(axis: ListAxis, values: [String])] = []
        for axis in ConditionMethods.named(method)?.axes(of: method) ?? [] {
            let list = try values(settings[axis.key], "conditions[\(index)].\(method).\(axis.key)", file)
            // A grid's name stands for its points.
            let named = axis.namesConditions ? (settings[axis.key]?.scalar?.string).flatMap { grids[$0] } : nil
            guard let values = list ?? named else { continue }
            axes.append((axis, axis.namesConditions ? values.flatMap { grids[$0] ?? [$0] } : values))
        }
        guard !axes.isEmpty else { return (nil, [node]) }
        guard axes.reduce(1.0, { $0 * Double($1.values.count) }) <= Double(limit) else {
            throw InputError(
                StudyNode.place(file, node.mark?.line), "conditions[\(index)]: more than \(limit) conditions")
        }
        var points: [[(axis: ListAxis, value: String)]] = [[]]
        for axis in axes { points = points.flatMap { point in axis.values.map { point + [(axis.axis, $0)] } } }
        return (
            base,
            points.map { point in
                let suffixes = point.map {
                    $0.axis.namesConditions ? "-\($0.value)" : "-\($0.axis.word ?? $0.axis.key)\($0.value)"
                }
                let suffix = suffixes.joined().replacing("%", with: "pct")
                var own = settings
                for (axis, value) in point { own[axis.key] = scalar(value, like: settings[axis.key]) }
                var condition = mapping
                condition["name"] = .scalar(
                    .init(base + suffix, Tag(.str), .doubleQuoted, node.mark))
                condition[method] = .mapping(own)
                return .mapping(condition)
            }
        )
    }

    /// `nil` where the key holds no list.
    private static func values(_ node: Node?, _ name: String, _ file: String) throws(InputError) -> [String]? {
        guard let node, let list = node.sequence else { return nil }
        let place = StudyNode.place(file, node.mark?.line)
        guard !list.isEmpty else { throw InputError(place, "\(name) is an empty list") }
        var values: [String] = []
        for item in list {
            guard let text = item.scalar?.string, !text.isEmpty, !item.isNull else {
                throw InputError(place, "\(name) has to be a value or a list of values")
            }
            guard !values.contains(text) else { throw InputError(place, "\(name) has \(text) twice") }
            values.append(text)
        }
        return values
    }

    /// Stands where the list stood, so that errors name its line.
    private static func scalar(_ text: String, like list: Node?) -> Node {
        .scalar(.init(text, Tag(.implicit), .any, list?.mark))
    }
}
