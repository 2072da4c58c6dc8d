import Datasets
import Tensors
import Yams

/// A study file's text as YAML: what is written, before anything is made of it.
enum StudyTree {
    /// A study that needs more than this many values is a slip, or lists that refer to lists.
    private static let limit = 100_000

    /// - Returns: `nil` for an empty file.
    /// - Throws: `InputError` with the line where the text is not YAML, has a key twice, or a tag that is not known.
    static func compose(_ text: String, _ file: String) throws(InputError) -> Node? {
        let node: Node?
        do { node = try Yams.compose(yaml: text) } catch { throw fault(error, text, file) }
        guard let node else { return nil }
        var count = 0
        try check(node, &count, file)
        return node
    }

    private static func check(_ node: Node, _ count: inout Int, _ file: String) throws(InputError) {
        count += 1
        guard count <= limit else {
            throw InputError(file, "more than \(limit) values, aliases counted wherever they stand")
        }
        let place = StudyNode.place(file, node.mark?.line)
        switch node {
        case .scalar(let scalar): try check(tag: scalar.tag, ["str", "int", "float", "bool", "null"], place)
        case .sequence(let sequence):
            try check(tag: sequence.tag, ["seq"], place)
            for item in sequence { try check(item, &count, file) }
        case .mapping(let mapping):
            try check(tag: mapping.tag, ["map"], place)
            for (_, value) in mapping { try check(value, &count, file) }
        case .alias: throw InputError(place, "an alias that leads nowhere")
        }
    }

    private static func check(tag: Tag, _ known: [String], _ place: FileLocation) throws(InputError) {
        let name = tag.description
        guard !name.isEmpty, name != "!", !known.contains(where: { name == "tag:yaml.org,2002:\($0)" }) else { return }
        throw InputError(place, "the tag \(name) means nothing in a study")
    }

    // MARK: Faults

    private static func fault(_ error: any Error, _ text: String, _ file: String) -> InputError {
        guard let error = error as? YamlError else { return InputError(file, "not valid YAML: \(error)") }
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            if problem == "but found another document" {
                return InputError(StudyNode.place(file, mark.line), "a second document (---): a study is one")
            }
            let words = context.map { " (\($0.text))" } ?? ""
            return InputError(StudyNode.place(file, mark.line), "not valid YAML: \(problem)\(words)")
        case .duplicatedKeysInMapping(let keys, let context): return twice(keys, context.mark, text, file)
        case .reader(let problem, _, let value, _):
            let code = value < 0 ? "" : " (U+\(String(value, radix: 16, uppercase: true)))"
            return InputError(file, "not valid YAML: \(problem)\(code)")
        default: return InputError(file, "not valid YAML: \(error)")
        }
    }

    /// Yams says where one of them stands; the other is looked for after it.
    private static func twice(_ keys: [String], _ mark: Mark, _ text: String, _ file: String) -> InputError {
        let lines = TextFile.lines(Array(text.utf8))
        let key = keys.first ?? ""
        guard mark.line >= 1, mark.line <= lines.count else { return InputError(file, "\(key) appears twice") }
        for (number, line) in lines.enumerated().dropFirst(mark.line - 1) {
            var rest = Substring(line)
            if number == mark.line - 1 { rest = rest.dropFirst(mark.column - 1 + key.count) }
            guard has(key, rest) else { continue }
            let again = number + 1 == mark.line ? "twice in this line" : "twice: first in line \(mark.line)"
            return InputError(StudyNode.place(file, number + 1), "\(key) appears \(again)")
        }
        return InputError(StudyNode.place(file, mark.line), "\(key) appears twice")
    }

    /// Whether a line has `key:` as a key.
    private static func has(_ key: String, _ line: Substring) -> Bool {
        for written in [key, "\"\(key)\"", "'\(key)'"] {
            var rest = line
            while let range = rest.firstRange(of: written) {
                let before = rest[..<range.lowerBound].last ?? " "
                let after = rest[range.upperBound...].drop { $0 == " " }
                if " ,{-?".contains(before), after.first == ":" { return true }
                rest = rest[range.upperBound...]
            }
        }
        return false
    }
}
