package import Checkpoint
package import ModelService
import Protocol
package import Selection
import Tensors

#if canImport(Glibc)
    import Glibc
#endif

/// Subspaces and low-rank edits of a model, made where its weights are.
package struct SubspaceComputation {
    private let config: ModelConfig
    private let maps: [[WeightShape]]
    /// Operands are sent for so many layers at once that they take about this many bytes.
    private let groupBytes: Int

    package init(_ config: ModelConfig, groupBytes: Int = 512 << 20) {
        self.config = config
        self.groupBytes = groupBytes
        let all = WeightScores.maps(of: config)
        let perLayer = LinearMap.allCases.count
        maps = (0..<config.layerCount).map { Array(all[$0 * perLayer..<($0 + 1) * perLayer]) }
    }

    /// The directions of every map from a file of second moments.
    /// - Parameters:
    ///   - limit: most directions of a map; `nil`: all that the data shows.
    ///   - reuse: leave an output that was made with the same metadata as it is.
    /// - Throws: `SelectionError.rank` where the limit is not below a map's rank.
    package func subspaces(
        moments path: String, limit: RankAmount?, runner: any ModelRunner, to output: String,
        metadata: [String: String], layers: [Int]? = nil
    ) async throws {
        let layers = layers ?? Array(0..<config.layerCount)
        let tasks = try layers.map { layer in
            var limits: [String: Int] = [:]
            if let limit {
                for map in maps[layer] { limits[map.name] = try limit.count(in: map, name: "rank") }
            }
            return TaskBody.RankTask(kind: .subspaces, layer: layer, limits: limits)
        }
        let file = try TensorBundle(mapping: path)
        let bytes = layers.map { layer in
            SecondMoments.places(of: config, layer: layer).reduce(0) { $0 + 8 * $1.packedCount }
        }
        let groups = grouped(tasks, bytes: bytes).map { tasks in
            let names = Set(tasks.flatMap { SecondMoments.places(of: config, layer: $0.layer).map(\.name) })
            return RankRequest.Group(tasks: tasks) {
                TensorBundle(entries: file.entries.filter { names.contains($0.name) })
            }
        }
        try await runner.compute(
            RankRequest(groups: groups, output: output, metadata: Self.provenance(metadata, limit)), label: "subspaces")
    }

    /// Metadata of a subspace file that is computed from these second moments.
    package static func provenance(_ metadata: [String: String], _ limit: RankAmount?) -> [String: String] {
        metadata.merging([
            "format": SubspaceFile.format, "version": SubspaceFile.version, "rank": limit?.text ?? "all",
            "tolerance": "eigenvalues of W C W^T above max(d_out, d_in) * 2^-52 of the largest",
        ]) { $1 }
    }

    /// The change of the weights that a recipe makes of one or two subspaces (for the orthogonal projection: safety,
    /// utility).
    /// - Throws: `SelectionError`.
    package func edit(
        _ recipe: RankRecipe, subspaces: [SubspaceFile], runner: any ModelRunner, to output: String,
        metadata: [String: String], layers: [Int]? = nil
    ) async throws -> LowRankEdit {
        let layers = layers ?? Array(0..<config.layerCount)
        let plan = try recipe.projectors(of: layers.flatMap { maps[$0] }, subspaces: subspaces)
        let tasks = layers.map { TaskBody.RankTask(kind: .factors, layer: $0) }
        let perLayer = LinearMap.allCases.count
        let plans = Dictionary(
            uniqueKeysWithValues: layers.indices.map {
                (layers[$0], Array(plan[$0 * perLayer..<($0 + 1) * perLayer]))
            })
        let bytes = layers.map { layer in
            plans[layer]!.reduce(0) { sum, item in
                sum + item.projectors.reduce(0) { $0 + 4 * item.map.rows * $1.columns.count }
            }
        }
        let groups = grouped(tasks, bytes: bytes).map { tasks in
            RankRequest.Group(tasks: tasks) {
                TensorBundle(
                    entries: try Operand.entries(tasks.flatMap { plans[$0.layer]! }, subspaces: subspaces))
            }
        }
        let provenance = metadata.merging([
            "format": LowRankEdit.format, "version": LowRankEdit.version, EditKind.key: LowRankEdit.kind.rawValue,
            "selection": recipe.title,
        ]) { $1 }
        try await runner.compute(
            RankRequest(groups: groups, output: output, metadata: provenance), label: recipe.title)
        return try LowRankEdit(contentsOf: output)
    }

    /// Layers of one group are far apart, so that the stages of a pipeline work on it side by side.
    private func grouped(_ tasks: [TaskBody.RankTask], bytes: [Int]) -> [[TaskBody.RankTask]] {
        let count = max(1, min(tasks.count, (bytes.reduce(0, +) + groupBytes - 1) / groupBytes))
        return (0..<count).map { group in
            stride(from: group, to: tasks.count, by: count).map { tasks[$0] }
        }
    }
}
