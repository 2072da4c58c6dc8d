/// S(p, q) = top-q % by safety score − top-p % by utility score (paper §3.2; Wei et al. 2024).
public enum SetDifference {
    /// - Parameters:
    ///   - q: percent of the safety ranking that is taken.
    ///   - p: percent of the utility ranking that is spared.
    ///   - group: inside what scores are compared.
    /// - Throws: `SelectionError`; both score sets must cover the same matrices.
    public static func mask(
        safety: some ScoreSource, q: Double, utility: some ScoreSource, p: Double, group: Group
    ) throws -> Mask {
        try TopK.check(percent: q, name: "q")
        try TopK.check(percent: p, name: "p")
        let critical = try Selector.mask(of: safety, percent: q, name: "q", group: group)
        let useful = try Selector.mask(of: utility, percent: p, name: "p", group: group)
        var mask = try critical.subtracting(useful)
        mask.metadata["selection"] = "set_difference"
        mask.metadata["q"] = "\(q)"
        mask.metadata["p"] = "\(p)"
        mask.metadata["group"] = group.rawValue
        return mask
    }
}
