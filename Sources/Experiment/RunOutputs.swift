import Datasets
import OutputFiles
package import StudyFile
package import Tensors

/// Where a run will write, checked before it begins: by the run itself, and by `plan`, which makes nothing.
package struct RunOutputs {
    private let list: StudyList
    private let root: String
    private let cache: String?

    /// - Parameters:
    ///   - root: the run's folder, which need not be there.
    ///   - cache: the cache's; `nil`: none is used.
    package init(_ list: StudyList, root: String, cache: String?) {
        (self.list, self.root, self.cache) = (list, Outputs.withoutSlashes(root), cache)
    }

    /// - Parameter studyFile: what the user named.
    /// - Throws: `InputError` saying what cannot be written, or would be overwritten.
    package func check(studyFile: String) throws(InputError) {
        let folders = [root] + (list.isList ? list.studies.map { "\(root)/\($0.name)" } : [])
        for folder in folders + (cache.map { [$0] } ?? []) { try Self.checkFolder(folder) }
        for study in list.studies {
            let run = list.isList ? "\(root)/\(study.name)" : root
            for part in RunFolder.parts { try Self.checkFolder("\(run)/\(part)") }
            for file in RunFolder.files(of: study, in: run) { try Self.checkFile(file) }
        }
        try Self.checkFile("\(root)/journal.sqlite")
        if list.isList { try Self.checkFile(RunFolder.index(in: root)) }
        try checkInputs([studyFile] + list.inputs, folders)
    }

    /// A folder, or the first one above it that is there, can be written into.
    private static func checkFolder(_ path: String) throws(InputError) {
        _ = try FileNode.kind(path)
        guard let status = try? FileStatus(path: path) else {
            // A link that leads nowhere is something, too.
            guard try FileNode.kind(path) == nil else {
                throw InputError(path, "a symbolic link that leads nowhere")
            }
            let above = Paths.folder(of: path)
            return above == path ? () : try checkFolder(above)
        }
        guard status.kind == .folder else {
            throw InputError(path, "is \(status.kind.title), and a folder is needed there")
        }
        do throws(FileFault) { try Files.checkWritable(folder: path) } catch {
            throw InputError(path, "cannot write into this folder: \(error)")
        }
    }

    private static func checkFile(_ path: String) throws(InputError) {
        if let kind = try FileNode.kind(path), kind != .file {
            throw InputError(
                path, "the run would replace \(kind.title): remove it, or choose another --run-dir")
        }
        try FileNode.checkLength(path, suffix: ".folded" + Outputs.part)
    }

    /// Nothing that is read lies where the run writes.
    private func checkInputs(_ inputs: [String], _ folders: [String]) throws(InputError) {
        for (study, folder) in zip(list.studies, list.isList ? Array(folders.dropFirst()) : folders) {
            let outputs = Set(RunFolder.files(of: study, in: folder).compactMap { FileNode($0) })
            let parts = RunFolder.parts.compactMap { FileNode.resolvedFolder("\(folder)/\($0)") }
            for input in inputs {
                let place = FileNode.resolvedFolder(input) ?? input
                guard FileNode(input).map(outputs.contains) != true,
                    !parts.contains(where: { place == $0 || place.hasPrefix($0 + "/") })
                else {
                    throw InputError(input, "is read, and the run in \(folder) writes there: choose another --run-dir")
                }
            }
            guard FileNode(folder) == nil || FileNode(folder) != FileNode(study.model) else {
                throw InputError(folder, "is the model's folder: choose another --run-dir")
            }
        }
    }
}

extension StudyList {
    /// Every file and folder that the studies are written in or read.
    package var inputs: [String] {
        files.flatMap { (try? StudyText.sources($0))?.map(\.name) ?? [$0] } + studies.flatMap(\.inputs)
    }
}

extension Study {
    /// Every file and folder that the study reads.
    var inputs: [String] {
        var files = [model, refusalPhrases].compactMap { $0 } + evaluation.tasks
        // A family's name is no file.
        if let template, Files.exists(template) { files.append(template) }
        for source in [calibration?.safety, calibration?.utility] {
            switch source {
            case .pairs(let file, _)?: files.append(file)
            case .answers(let prompts, _, _, _, _)?: files.append(prompts)
            case nil: break
            }
        }
        let lists: [PromptSet?] =
            statistics.flatMap { [$0.harmful, $0.harmless] }
            + [
                refusalDirection?.harmful, refusalDirection?.harmless, layerRange?.prompts, reasoningCurves?.prompts,
            ]
        let prompts = [evaluation.harmful, evaluation.harmless, probe?.harmful, probe?.harmless] + lists
        for case let prompts? in prompts { files.append(prompts.file) }
        files += evaluation.attacks.compactMap(\.suffixes)
        files += (evaluation.zeroShot?.files ?? []) + [evaluation.perplexity?.file].compactMap { $0 }
        return (files + conditions.flatMap(\.method.files)).map { DataFile.split($0).path }
    }
}
