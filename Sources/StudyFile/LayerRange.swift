package import Checkpoint
package import Tensors

/// Consecutive decoder blocks, counted from 0, as a study file names them: `6-12`, or `6`.
package struct LayerRange: Sendable, Equatable {
    /// Which of the two numbers are in it. Published code takes each of them, in one system even two of them.
    package enum Bounds: String, Sendable, CaseIterable {
        /// Both.
        case inclusive
        /// The first, as in Python's range.
        case python
        /// Neither.
        case strict
    }

    package let layers: Range<Int>
    /// As it stands in the file.
    package let text: String
    package let bounds: Bounds

    /// Reads the keys `layers` and `bounds` of a mapping.
    /// - Throws: `InputError` with file, line and the key's path; also where no block is in the range.
    init(_ node: StudyNode, key: String = "layers") throws(InputError) {
        text = try node.required(key, node.string)
        bounds = try node.choice("bounds", as: Bounds.self) ?? .inclusive
        let parts = text.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
        guard (1...2).contains(parts.count), let first = parts[0], let last = parts[parts.count - 1], first >= 0,
            first <= last, last < 1 << 20
        else { throw node.error(key, "= \(text) is no range of blocks from 0, as 6-12") }
        switch bounds {
        case .inclusive: layers = first..<last + 1
        case .python: layers = first..<last
        case .strict: layers = min(first + 1, last)..<last
        }
        guard !layers.isEmpty else {
            throw node.error(key, "= \(text) has no block with bounds: \(bounds.rawValue)")
        }
    }

    /// The first and the last block, both in it.
    package var title: String {
        layers.count == 1 ? "block \(layers.lowerBound)" : "blocks \(layers.lowerBound) to \(layers.upperBound - 1)"
    }

    /// - Throws: `InputError` where the model has fewer blocks.
    package func check(_ config: ModelConfig, condition: String) throws(InputError) {
        try check(config, at: "condition \(condition)")
    }

    /// The same, for a key of the study.
    /// - Throws: `InputError` where the model has fewer blocks.
    package func check(_ config: ModelConfig, at place: String) throws(InputError) {
        guard layers.upperBound > config.layerCount else { return }
        throw InputError(
            place,
            "\(title) \(layers.count == 1 ? "was" : "were") asked for, the model has \(config.layerCount), counted from 0 to \(config.layerCount - 1)"
        )
    }
}
