/// Exact selection of the k largest or smallest scores; ties go to the lower flat index.
public enum TopK {
    /// ⌊percent · count / 100⌋, robust against the binary representation of decimal percentages (0.29 % of 10 000 is 29).
    public static func count(percent: Double, of count: Int) -> Int {
        min(count, Int((percent * Double(count) / 100 * (1 + 1e-12)).rounded(.down)))
    }

    /// - Throws: `SelectionError.percentOutOfRange`, naming `name` and the value.
    public static func check(percent: Double, name: String) throws(SelectionError) {
        guard percent >= 0, percent <= 100 else { throw .percentOutOfRange(name: name, value: percent) }
    }

    /// The `k` first of one matrix's scores, as bits in flat order.
    /// - Throws: `SelectionError.notANumber` or `.tooMany`, naming `map`.
    public static func select(
        _ scores: UnsafeBufferPointer<Float>, k: Int, order: Order, map: String
    ) throws(SelectionError) -> BitSet {
        var bits = BitSet(size: scores.count)
        try select(scores, k: k, order: order, map: map, into: &bits, offset: 0)
        return bits
    }

    /// The `k` first of every row of scores [rows × columns].
    /// - Throws: `SelectionError.notANumber` or `.tooMany`, naming `map`.
    public static func selectRows(
        _ scores: UnsafeBufferPointer<Float>, columns: Int, k: Int, order: Order, map: String
    ) throws(SelectionError) -> BitSet {
        precondition(columns > 0 && scores.count % columns == 0, "\(scores.count) scores in rows of \(columns)")
        var bits = BitSet(size: scores.count)
        var start = 0
        while start < scores.count {
            let row = UnsafeBufferPointer(rebasing: scores[start..<start + columns])
            try select(row, k: k, order: order, map: map, into: &bits, offset: start)
            start += columns
        }
        return bits
    }

    private static func select(
        _ scores: UnsafeBufferPointer<Float>, k: Int, order: Order, map: String, into bits: inout BitSet, offset: Int
    ) throws(SelectionError) {
        guard k >= 0, k <= scores.count else { throw .tooMany(map: map, wanted: k, available: scores.count) }
        // NaN is refused whatever k is: a mask must not depend on a broken score by luck.
        guard k > 0 else {
            if let index = scores.firstIndex(where: \.isNaN) { throw .notANumber(map: map, index: offset + index) }
            return
        }
        var search = ThresholdSearch(k: k, order: order, size: scores.count)
        for _ in 0..<search.passes {
            if let index = search.count(scores) { throw .notANumber(map: map, index: offset + index) }
            search.narrow()
        }
        var threshold = search.threshold()
        threshold.mark(scores, in: &bits, offset: offset)
    }
}
