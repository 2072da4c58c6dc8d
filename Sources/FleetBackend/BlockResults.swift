import Contracts
import Protocol
import Scheduling
import Selection
import Tensors

/// Combines the results of a request's blocks, and of their stages, into one file.
struct BlockResults {
    /// The files of the blocks stay: a journal has them on record until the caller says that what was made of them is safe.
    let keepsFiles: Bool

    /// - Parameter blocks: the stages' results of every block, in the order of the blocks.
    /// - Throws: `SelectionError` where they do not fit together; `TensorFileError` where a file cannot be read or written;
    ///   `InternalError` where the statistics are not combined in one way.
    func combine(_ blocks: [[StageResult]], of statistics: [any Statistic], to path: String) throws {
        let combinations = statistics.map(\.combination)
        guard let combination = combinations.first, combinations.allSatisfy({ $0 == combination }) else {
            throw InternalError("statistics that are combined in different ways were asked for in one request")
        }
        switch combination {
        case .sum: try fold(blocks, to: path)
        case .rows:
            try Concatenation.write(try blocks.map(Self.partials), to: path)
            removeFiles(of: blocks)
        }
    }

    /// Adds the blocks up, in their order.
    /// - Throws: `SelectionError` where they do not fit together; `TensorFileError` where a file cannot be read or written.
    func fold(_ blocks: [[StageResult]], to path: String, metadata: [String: String] = [:]) throws {
        try Fold.fold(blocks: try blocks.map(Self.partials), to: path, metadata: metadata)
        removeFiles(of: blocks)
    }

    private static func partials(_ results: [StageResult]) throws -> [any Partial] {
        try results.map { result in
            switch result.bundle {
            case .memory(let bundle): BundlePartial(bundle, label: "stage \(result.stage)")
            case .file(let path): try SafetensorsFile(path: path)
            }
        }
    }

    func removeFiles(of blocks: [[StageResult]]) {
        guard !keepsFiles else { return }
        for case .file(let path) in blocks.joined().map(\.bundle) { Files.removeFile(path) }
    }
}
