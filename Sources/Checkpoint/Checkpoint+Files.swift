import Foundation

extension Checkpoint {
    /// Bytes of the files that hold the weights; 0 for a file that cannot be looked at.
    public var fileBytes: Int {
        var folder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &folder) else { return 0 }
        var files = [path]
        if folder.boolValue {
            let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
            files = names.filter { $0.hasSuffix(".safetensors") }.map { "\(path)/\($0)" }
        }
        return files.reduce(0) { sum, file in
            // Through a symbolic link, as a cache of downloads has them.
            let target = URL(fileURLWithPath: file).resolvingSymlinksInPath().path
            return sum + ((try? FileManager.default.attributesOfItem(atPath: target))?[.size] as? Int ?? 0)
        }
    }
}
