package import Protocol
import Selection
import Tensors

#if canImport(Glibc)
    import Glibc
#endif

extension FleetRunner {
    package func headOutputs(_ batches: [Batch], to path: String, label: String) async throws {
        var blocks: [[any Partial]] = []
        var files: [String] = []
        try run(
            batches.map { FleetTask(body: .headOutputs(batches: [$0]), cost: Double($0.tokenCount)) }, label: label
        ) { _, results in
            blocks.append(
                try results.map { result -> any Partial in
                    switch result.bundle {
                    case .memory(let bundle): return BundlePartial(bundle, label: "stage \(result.stage)")
                    case .file(let path):
                        files.append(path)
                        return try SafetensorsFile(path: path)
                    }
                })
        }
        try Concatenation.write(blocks, to: path)
        // Where there is a journal they stay on record.
        guard memory == nil else { return }
        for file in files { unlink(file) }
    }
}
