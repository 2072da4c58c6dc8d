import Selection
import StudyFile

extension OverlapTable {
    /// What the study asks for, of the run's scores and subspaces.
    /// - Throws: `SelectionError`.
    static func tables(
        _ plan: Study.OverlapSettings, folder: RunFolder, maps: [WeightShape]
    ) throws -> [OverlapTable] {
        var tables: [OverlapTable] = []
        let sides = [Study.Side.safety, .utility].map(\.rawValue)
        if let jaccard = plan.jaccard {
            let safety = try Selector.mask(
                of: try ScoreFile(path: folder.scores(sides[0])), percent: jaccard.q, name: "q", group: .matrix,
                order: .largest)
            let utility = try Selector.mask(
                of: try ScoreFile(path: folder.scores(sides[1])), percent: jaccard.p, name: "p", group: .matrix,
                order: .largest)
            tables.append(
                OverlapTable(
                    measure: "jaccard",
                    files: ["top \(jaccard.q)% by safety", "top \(jaccard.p)% by utility"],
                    values: try Overlap.jaccard(safety, utility)))
        }
        if let rank = plan.rank {
            tables.append(
                OverlapTable(
                    measure: "similarity", files: sides.map { "\($0) subspaces" }, rank: rank,
                    values: try Overlap.similarity(
                        try SubspaceFile(path: folder.subspaces(sides[0])),
                        try SubspaceFile(path: folder.subspaces(sides[1])), rank: rank, maps: maps)))
        }
        return tables
    }
}
