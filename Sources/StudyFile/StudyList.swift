import Datasets
package import Tensors
import Yams

/// What the command line says in place of a study file.
package struct StudyOverrides: Sendable, Equatable {
    package var model: String?
    /// The folder in which the study's files are.
    package var data: String?

    package init(model: String? = nil, data: String? = nil) {
        self.model = model
        self.data = data
    }
}

/// One study, or several that are carried out one after the other by one fleet (`studies:`).
package struct StudyList: Sendable {
    package var name: String
    package var studies: [Study]
    /// Where each of them stands.
    package var files: [String]
    /// A file that names others, which then have folders of their own.
    package var isList: Bool

    /// Reads a study file, or a list and all the studies in it.
    /// - Throws: `InputError`.
    package init(contentsOf path: String, overriding: StudyOverrides = StudyOverrides()) throws(InputError) {
        let text = String(decoding: try TextFile.read(path), as: UTF8.self)
        let node = try StudyText(text, file: path).node
        guard let node, node.mapping?["studies"].map({ !$0.isNull }) == true else {
            let study = try Study(yaml: text, file: path, overriding: overriding)
            (name, studies, files, isList) = (study.name, [study], [path], false)
            return
        }
        let top = try StudyNode(node, path: "", keys: ["name", "studies"], file: path)
        name = try RunName.of(top, file: path)
        isList = true
        studies = []
        let folder = Paths.folder(of: path)
        files = (try top.strings("studies") ?? []).map { Paths.resolve($0, in: folder) }
        guard !files.isEmpty else { throw top.error("studies", "is empty") }
        for file in files {
            let study = try Study(contentsOf: file, overriding: overriding)
            guard !studies.contains(where: { $0.name == study.name }) else {
                throw top.error("studies", "has two studies called \(study.name); give one a name of its own")
            }
            if let first = studies.first, first.model != study.model {
                throw top.error(
                    "studies",
                    "run on one model, but \(first.name) names \(first.model) and \(study.name) names \(study.model); give --model"
                )
            }
            studies.append(study)
        }
    }
}
