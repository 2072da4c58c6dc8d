/// Inside what scores are compared (arXiv 2402.05162, section 2).
public enum Group: String, Sendable, Codable, CaseIterable {
    /// One weight matrix: the published code.
    case matrix
    /// One output row: the paper's text.
    case row
    /// All scored matrices together.
    case model
}

/// Turns scores into masks; memory is bounded by one matrix of scores and the mask's bits.
public enum Selector {
    /// The first `percent` % of every group.
    /// - Parameter name: what the percentage is called in an error ("p", "q").
    /// - Throws: `SelectionError`.
    public static func mask(
        of scores: some ScoreSource, percent: Double, name: String, group: Group, order: Order = .largest
    ) throws -> Mask {
        try TopK.check(percent: percent, name: name)
        if group == .model {
            let total = scores.maps.reduce(0) { $0 + $1.count }
            return try modelWide(scores, k: TopK.count(percent: percent, of: total), order: order)
        }
        let maps = try scores.maps.map { map in
            try scores.withScores(of: map) { values in
                let bits =
                    switch group {
                    case .row:
                        try TopK.selectRows(
                            values, columns: map.columns, k: TopK.count(percent: percent, of: map.columns),
                            order: order,
                            map: map.name)
                    case .matrix, .model:
                        try TopK.select(
                            values, k: TopK.count(percent: percent, of: map.count), order: order, map: map.name)
                    }
                return Mask.Map(shape: map, bits: bits)
            }
        }
        return Mask(maps: maps)
    }

    /// As many entries of every matrix as `other` selects there.
    /// - Throws: `SelectionError`.
    public static func mask(of scores: some ScoreSource, sizedLike other: Mask, order: Order = .largest) throws -> Mask
    {
        let shapes = Dictionary(scores.maps.map { ($0.name, $0) }) { first, _ in first }
        let maps = try other.maps.map { like in
            guard let map = shapes[like.shape.name] else {
                throw SelectionError.missing(map: like.shape.name, source: scores.label)
            }
            try like.shape.check(map)
            return try scores.withScores(of: map) { values in
                Mask.Map(
                    shape: map, bits: try TopK.select(values, k: like.bits.count, order: order, map: map.name))
            }
        }
        return Mask(maps: maps)
    }

    /// One threshold for all matrices: every pass streams them all.
    private static func modelWide(_ scores: some ScoreSource, k: Int, order: Order) throws -> Mask {
        let total = scores.maps.reduce(0) { $0 + $1.count }
        var threshold: ThresholdSearch.Threshold?
        if k > 0 {
            var search = ThresholdSearch(k: k, order: order, size: total)
            for _ in 0..<search.passes {
                for map in scores.maps {
                    let bad = try scores.withScores(of: map) { search.count($0) }
                    if let bad { throw SelectionError.notANumber(map: map.name, index: bad) }
                }
                search.narrow()
            }
            threshold = search.threshold()
        }
        var maps: [Mask.Map] = []
        for map in scores.maps {
            var bits = BitSet(size: map.count)
            if threshold != nil { try scores.withScores(of: map) { threshold!.mark($0, in: &bits) } }
            maps.append(Mask.Map(shape: map, bits: bits))
        }
        return Mask(maps: maps)
    }
}

extension WeightShape {
    /// - Throws: `SelectionError.shape` where the shapes differ.
    func check(_ other: WeightShape) throws(SelectionError) {
        guard rows == other.rows, columns == other.columns else {
            throw .shape(map: name, expected: [rows, columns], found: [other.rows, other.columns])
        }
    }
}
