package import Checkpoint
import ModelService
import Protocol
package import Selection
import StudyFile
import Tensors

/// Whether an edit changes the model at all.
package enum EditEffect {
    /// - Returns: why setting the mask's weights to zero changes nothing; `nil` where it changes a weight.
    package static func nothing(_ mask: Mask, in model: any WeightSource) throws -> String? {
        guard mask.count > 0 else { return "it selects no weight" }
        for map in mask.maps where map.bits.count > 0 {
            if try hasWeight(map, in: model) { return nil }
        }
        return "all \(mask.count) weights that it selects are zero in the model already"
    }

    /// Reads no further than to the first selected weight that is not zero.
    private static func hasWeight(_ map: Mask.Map, in model: any WeightSource) throws -> Bool {
        let columns = map.shape.columns
        let step = max(1, (1 << 16) / max(1, columns))
        let buffer = AlignedBuffer(floats: min(step, map.shape.rows) * columns, zeroed: false)
        for start in stride(from: 0, to: map.shape.rows, by: step) {
            let rows = start..<min(start + step, map.shape.rows)
            try model.read(map.shape.name, rows: rows, into: buffer.floats.baseAddress!)
            let base = start * columns
            if (0..<rows.count * columns).contains(where: { map.bits[base + $0] && buffer.floats[$0] != 0 }) {
                return true
            }
        }
        return false
    }

    /// - Returns: why adding the change of few ranks changes nothing; `nil` where it changes a weight.
    package static func nothing(_ edit: LowRankEdit) -> String? {
        guard edit.rank > 0 else { return "its rank is 0 in every map" }
        let changes = edit.maps.contains { map in
            map.rank > 0 && map.left.floats.contains { $0 != 0 } && map.right.floats.contains { $0 != 0 }
        }
        return changes ? nil : "its factors are zero"
    }

    /// - Returns: why a fine-tuning run changes nothing; `nil` where it trains a weight.
    static func nothing(
        _ settings: Study.FineTune, restricted: RestrictedWeights?, in model: any WeightSource
    ) -> String? {
        guard settings.learningRate > 0 else { return "its learning rate is 0" }
        let all = WeightScores.maps(of: model.config).reduce(0) { $0 + $1.count }
        guard settings.parameters == .linear, let restricted, restricted.count == all else { return nil }
        return "every weight that it trains is \(settings.restriction?.kind == .rewind ? "rewound" : "frozen")"
    }
}
