import Checkpoint
import Protocol
import Selection
import Tensors

/// Directions and low-rank changes of one layer's maps.
extension TaskContract {
    static func subspaces(_ task: TaskBody.RankTask, _ config: ModelConfig) -> ResultContract {
        var contract = ResultContract()
        for map in LinearMap.allCases {
            let name = map.weightName(layer: task.layer)
            let shape = map.shape(in: config)
            let most = min(shape.rows, shape.columns, max(0, task.limits[name] ?? .max))
            let values = SubspaceFile.singularValues(name)
            contract.tensors += [
                ResultContract.Tensor(name, .f32, [.exactly(shape.rows), .atMost(most)], .finite),
                ResultContract.Tensor(values, .f64, [.atMost(most)], .nonNegative),
            ]
            contract.relations.append(.subspace(directions: name, values: values))
        }
        return contract
    }

    /// - Parameter operands: the projections, which say how many ranks a change has.
    static func factors(_ task: TaskBody.RankTask, _ config: ModelConfig, operands: TensorBundle?) -> ResultContract {
        var contract = ResultContract()
        let counts = Dictionary(
            (operands?.entries ?? []).map { ($0.name, $0.shape.first ?? 0) }, uniquingKeysWith: { first, _ in first })
        for map in LinearMap.allCases {
            let name = map.weightName(layer: task.layer)
            let shape = map.shape(in: config)
            let rank = LowRankEdit.rank(of: projections(name, counts), rows: shape.rows, columns: shape.columns)
            guard rank > 0 else { continue }
            contract.tensors += [
                ResultContract.Tensor(LowRankEdit.left(name), .f32, [shape.rows, rank], .finite),
                ResultContract.Tensor(LowRankEdit.right(name), .f32, [rank, shape.columns], .finite),
            ]
        }
        return contract
    }

    /// A map's projections, in the order in which they are applied.
    private static func projections(
        _ weight: String, _ counts: [String: Int]
    ) -> [(isComplement: Bool, directions: Int)] {
        (0..<Operand.steps).compactMap { step in
            for isComplement in [false, true] {
                let projector = Projector(source: 0, columns: [], isComplement: isComplement)
                if let count = counts[Operand.name(projector, step: step, weight: weight)] {
                    return (isComplement, count)
                }
            }
            return nil
        }
    }
}
