import Selection
package import Tensors

/// A run's statistic that a command reads: whatever is wrong with it is said with the file's path.
package struct StatisticFile {
    private let path: String
    private let bundle: TensorBundle

    package var metadata: [String: String] { bundle.metadata }

    /// - Parameter name: the statistic that is needed. A file that does not say which one it holds is taken for it.
    /// - Throws: `TensorFileError`; `SelectionError.file` where it holds another one, or none.
    package init(_ path: String, of name: String) throws {
        self.path = path
        bundle = try TensorBundle(safetensors: path)
        guard let own = bundle.metadata["statistic"], own != name else { return }
        let isOther = Statistics.all.contains { $0.name == own }
        throw SelectionError.file(
            path, fault: "holds \(isOther ? "the statistic \(own)" : "no statistic"), and \(name) is needed")
    }

    /// Makes something of the tensors.
    /// - Throws: what `body` throws; a `SelectionError` of the tensors with the file's path.
    package func read<Result>(_ body: (TensorBundle) throws -> Result) throws -> Result {
        do { return try body(bundle) } catch let error as SelectionError { throw named(error) }
    }

    private func named(_ error: SelectionError) -> SelectionError {
        switch error {
        case .missing(let map, _): .missing(map: map, source: path)
        case .file(_, let map, let fault): .file(path, map: map, fault: fault)
        case .shape(let map, let expected, let found):
            .shape(map: "\(path): \(map)", expected: expected, found: found)
        case .tooFew(let what, let wanted, let available):
            .file(path, fault: "has \(available) \(what); at least \(wanted) are needed")
        default: error
        }
    }
}
