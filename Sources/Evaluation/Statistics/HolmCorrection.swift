/// Holm's correction of several p values (Scandinavian Journal of Statistics 6, 1979): the chance that any of them falls
/// below the level where nothing differs is the level at most.
public enum HolmCorrection {
    /// - Returns: the adjusted values, in the order given, 1 at most.
    public static func adjusted(_ values: [Double]) -> [Double] {
        // Equal values are adjusted alike, whatever their order.
        let order = values.indices.sorted { (values[$0], $0) < (values[$1], $1) }
        var adjusted = values
        var largest = 0.0
        for (rank, index) in order.enumerated() {
            largest = max(largest, min(1, Double(values.count - rank) * values[index]))
            adjusted[index] = largest
        }
        return adjusted
    }
}
