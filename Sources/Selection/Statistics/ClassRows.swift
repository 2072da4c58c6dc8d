import Tensors

/// Rows of several examples, told apart by class.
enum ClassRows {
    /// - Parameters:
    ///   - combined: F32 rows [examples × width] in `rows` + PLACE, for every place, and F32 marks [examples × classes] in
    ///     `marks` + PLACE, 1 where the example is of the class.
    ///   - title: what the entries' names begin with.
    /// - Returns: `TITLE.CLASS.PLACE`, F32 [examples of the class × width], in the examples' order.
    /// - Throws: `SelectionError.missing`, `SelectionError.shape`.
    static func entries(
        _ combined: TensorBundle, rows: String, marks: String, classes: [String], title: String, statistic: String
    ) throws(SelectionError) -> [TensorBundle.Entry] {
        var entries: [TensorBundle.Entry] = []
        for entry in combined.entries where entry.name.hasPrefix(rows) {
            let place = String(entry.name.dropFirst(rows.count))
            let name = marks + place
            guard let marks = combined[name] else { throw .missing(map: name, source: statistic) }
            guard entry.shape.count == 2, marks.shape == [entry.shape[0], classes.count] else {
                throw .shape(map: name, expected: [entry.shape.first ?? 0, classes.count], found: marks.shape)
            }
            let width = entry.shape[1]
            for (number, label) in classes.enumerated() {
                var own: [Float] = []
                for row in 0..<entry.shape[0] where marks.buffer.floats[row * classes.count + number] == 1 {
                    own += entry.buffer.floats[row * width..<(row + 1) * width]
                }
                entries.append(
                    .init(
                        name: "\(title).\(label).\(place)", type: .f32, shape: [own.count / width, width],
                        buffer: AlignedBuffer(own)))
            }
        }
        return entries
    }
}
