import Datasets
package import Tensors
import Yams

/// A study file's text with what it shares with others: `base: FILE` names a file of common settings beside it.
///
/// The study's own values win; mappings are joined key by key, lists are not, and an empty value (`~`) drops the base's.
package struct StudyText {
    /// What stands in the file, the base's keys among it; `nil`: nothing.
    let node: Node?
    private let file: String
    private let lines: Int
    private let base: String?

    /// - Throws: `InputError`.
    package init(_ text: String, file: String) throws(InputError) {
        var own = try StudyTree.compose(text, file)
        if own?.mapping?["base"]?.isNull == true { own?.mapping?["base"] = nil }
        guard var mapping = own?.mapping, let name = mapping["base"] else {
            (node, self.file, lines, base) = (own, file, .max, nil)
            return
        }
        let place = StudyNode.place(file, name.mark?.line)
        guard let path = name.scalar?.string, !path.isEmpty else {
            throw InputError(place, "base has to be the name of a file")
        }
        let folder = Paths.folder(of: file)
        let base = Paths.resolve(path, in: folder)
        guard Paths.folder(of: base) == folder else {
            throw InputError(place, "base = \(path) has to lie beside the study: paths in both begin there")
        }
        let shared = String(decoding: try TextFile.read(base), as: UTF8.self)
        // As if it followed the study's own lines: so a line says which of the files it is in.
        let count = TextFile.lines(Array(text.utf8)).count + 1
        guard let common = try StudyTree.compose(shared, base)?.mapping else {
            throw InputError(base, "a base has to be a mapping of keys")
        }
        if let second = common["base"] ?? common["studies"] {
            throw InputError(StudyNode.place(base, second.mark?.line), "a base has no base of its own, and no studies")
        }
        mapping["base"] = nil
        let moved = try StudyTree.compose(String(repeating: "\n", count: count) + shared, base)?.mapping ?? common
        node = .mapping(Self.joined(mapping, moved))
        (self.file, lines, self.base) = (file, count, base)
    }

    /// A study's file and its base, with their texts.
    /// - Throws: `InputError`.
    package static func sources(_ path: String) throws(InputError) -> [(name: String, text: String)] {
        let text = String(decoding: try TextFile.read(path), as: UTF8.self)
        guard let base = try StudyText(text, file: path).base else { return [(path, text)] }
        return [(path, text), (base, String(decoding: try TextFile.read(base), as: UTF8.self))]
    }

    /// The error at the file and line where its value stands.
    func placed(_ error: InputError) -> InputError {
        guard let base, error.location.file == file, let line = error.location.line, line > lines else { return error }
        return InputError(FileLocation(file: base, line: line - lines), error.fault)
    }

    private static func joined(_ own: Node.Mapping, _ base: Node.Mapping) -> Node.Mapping {
        var result = own
        for (key, value) in base {
            guard let mine = own[key] else {
                result[key] = value
                continue
            }
            if let mine = mine.mapping, let value = value.mapping { result[key] = .mapping(joined(mine, value)) }
        }
        for (key, value) in own where value.isNull { result[key] = nil }
        return result
    }
}
