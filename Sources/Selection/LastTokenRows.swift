import Checkpoint
import Tensors

/// Reads the file of a statistic `LastTokenState`.
enum LastTokenRows {
    /// The states of a class's prompts at one place, of length 1, in F64.
    /// - Throws: `SelectionError.missing`, `.shape`; `.file` where a state is zero or no number.
    static func directions(
        _ states: TensorBundle, _ label: String, _ place: ResidualPlace, _ config: ModelConfig
    ) throws(SelectionError) -> [[Double]] {
        let name = "state.\(label).\(place)"
        guard let entry = states[name] else {
            throw .missing(map: name, source: "the statistic \(LastTokenState.name)")
        }
        guard entry.type == .f32, entry.shape.count == 2, entry.shape[1] == config.hiddenSize else {
            throw .shape(map: name, expected: [-1, config.hiddenSize], found: entry.shape)
        }
        var rows: [[Double]] = []
        for row in 0..<entry.shape[0] {
            let values = entry.buffer.floats[row * entry.shape[1]..<(row + 1) * entry.shape[1]].map { Double($0) }
            let length = dot(values, values).squareRoot()
            guard length > 0, length.isFinite else {
                throw .file("the statistic \(LastTokenState.name)", map: name, fault: "row \(row) has no direction")
            }
            rows.append(values.map { $0 / length })
        }
        return rows
    }

    static func dot(_ a: [Double], _ b: [Double]) -> Double {
        var sum = 0.0
        for index in a.indices { sum += a[index] * b[index] }
        return sum
    }
}
