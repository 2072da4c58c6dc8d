package import Tensors
import Yams

/// A mapping of the study file that knows where it stands and which keys it may have.
package struct StudyNode {
    /// Path inside the file ("calibration.safety"), empty at the top.
    let path: String
    private let file: String
    private let line: Int?
    /// Values that are none (`~`, `null`, nothing) left out: such a key is as if it were absent.
    private let values: [String: Node]
    /// All keys, also those without a value.
    let keys: [String]

    /// - Throws: `InputError` naming an unknown key, its place, and the nearest known one.
    init(_ node: Node, path: String, keys: [String], file: String) throws(InputError) {
        self.path = path
        self.file = file
        line = node.mark?.line
        guard let mapping = node.mapping else {
            throw InputError(
                Self.place(file, node.mark?.line),
                "\(path.isEmpty ? "a study" : path) has to be a mapping of keys, not \(node.shown)")
        }
        var values: [String: Node] = [:]
        var names: Set<String> = []
        for (key, value) in mapping {
            let name = key.string ?? "?"
            let place = Self.place(file, key.mark?.line)
            guard name != "<<" else {
                throw InputError(place, "<< (YAML 1.1's merge key) is not known: write the keys, or use base")
            }
            guard keys.contains(name) else {
                let nearest = nearestName(to: name, among: keys)
                throw InputError(
                    place,
                    "unknown key \(path.isEmpty ? name : "\(path).\(name)")"
                        + (nearest.map { "; did you mean \($0)?" } ?? "") + " (known: \(keys.joined(separator: ", ")))")
            }
            guard names.insert(name).inserted else { throw InputError(place, "\(name) appears twice") }
            if !value.isNull { values[name] = value }
        }
        self.values = values
        self.keys = names.sorted()
    }

    /// Whether the key has a value.
    func has(_ key: String) -> Bool { values[key] != nil }

    /// An error about one of the mapping's values.
    func error(_ key: String, _ fault: String) -> InputError {
        InputError(Self.place(file, values[key]?.mark?.line ?? line), "\(name(key)) \(fault)")
    }

    func name(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

    /// A required value.
    func required<T>(_ key: String, _ read: (String) throws(InputError) -> T?) throws(InputError) -> T {
        guard let value = try read(key) else { throw error(key, "is missing") }
        return value
    }

    func string(_ key: String) throws(InputError) -> String? {
        guard let node = values[key] else { return nil }
        guard let text = node.scalar?.string else { throw error(key, "has to be a text") }
        guard !text.isEmpty else { throw error(key, "is an empty text; leave the key out where there is none") }
        return text
    }

    func integer(_ key: String, in range: ClosedRange<Int>) throws(InputError) -> Int? {
        guard let node = values[key] else { return nil }
        guard let value = node.wholeNumber else {
            throw error(key, "has to be a whole number, not \(node.shown)")
        }
        guard range.contains(value) else {
            let limit =
                range.upperBound == .max ? "at least \(range.lowerBound)" : "\(range.lowerBound) to \(range.upperBound)"
            throw error(key, "= \(value) is out of range: \(limit)")
        }
        return value
    }

    func number(_ key: String, in range: ClosedRange<Double>) throws(InputError) -> Double? {
        guard let node = values[key] else { return nil }
        guard let value = node.realNumber else {
            throw error(key, "has to be a number, not \(node.shown)")
        }
        guard range.contains(value) else {
            throw error(key, "= \(value) is out of range: \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    func percent(_ key: String) throws(InputError) -> Double? { try number(key, in: 0...100) }

    /// The case that a key's text names; `nil` where the key is missing.
    /// - Throws: `InputError` naming the cases that there are.
    package func choice<T: RawRepresentable & CaseIterable>(_ key: String, as: T.Type) throws(InputError) -> T?
    where T.RawValue == String {
        guard let text = try string(key) else { return nil }
        guard let value = T(rawValue: text) else {
            throw unknown(key, text, among: T.allCases.map(\.rawValue))
        }
        return value
    }

    /// The error of a key whose value is none of the known names; the nearest one is named.
    /// - Parameter fault: what is wrong with it.
    func unknown(_ key: String, _ text: String, _ fault: String = "is unknown", among names: [String]) -> InputError {
        let nearest = nearestName(to: text, among: names).map { "; did you mean \($0)?" } ?? ""
        return error(key, "= \(text) \(fault)\(nearest) (known: \(names.joined(separator: ", ")))")
    }

    func mapping(_ key: String, keys: [String]) throws(InputError) -> StudyNode? {
        guard let node = values[key] else { return nil }
        return try StudyNode(node, path: name(key), keys: keys, file: file)
    }

    /// A value that is either a plain text or a mapping.
    func isScalar(_ key: String) -> Bool { values[key]?.scalar != nil }

    /// A list's entries: texts, or nodes to be read by the caller.
    func list(_ key: String) throws(InputError) -> [Node]? {
        guard let node = values[key] else { return nil }
        guard let sequence = node.sequence else { throw error(key, "has to be a list") }
        return Array(sequence)
    }

    /// A list's entries, or one value as a list of its own.
    func items(_ key: String) throws(InputError) -> [Node]? {
        if let node = values[key], node.scalar != nil { return [node] }
        return try list(key)
    }

    /// A list's entry as a mapping.
    func entry(_ key: String, _ index: Int, _ node: Node, keys: [String]) throws(InputError) -> StudyNode {
        try StudyNode(node, path: "\(name(key))[\(index)]", keys: keys, file: file)
    }

    func strings(_ key: String) throws(InputError) -> [String]? {
        guard let nodes = try list(key) else { return nil }
        var texts: [String] = []
        for node in nodes {
            guard let text = node.scalar?.string, !text.isEmpty, !node.isNull else {
                throw error(key, "has to be a list of texts")
            }
            texts.append(text)
        }
        return texts
    }

    static func place(_ file: String, _ line: Int?) -> FileLocation { FileLocation(file: file, line: line) }
}
