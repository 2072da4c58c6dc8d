import Checkpoint

extension ScoreMethod {
    public static let random = ScoreMethod(
        "random", uses: { ["seed": "\($0.seed)"] },
        computes: { WeightScores.random(maps: WeightScores.maps(of: $0.model.config), seed: $0.settings.seed) })
}

extension WeightScores {
    /// Seeded uniform scores, a baseline; a weight's score depends on seed, name and index only.
    public static func random(maps: [WeightShape], seed: UInt64) -> ComputedScores {
        ComputedScores(label: "random", maps: maps) { map, scores in
            let stream = RandomStream(seed: seed, name: "score/\(map.name)")
            for index in scores.indices { scores[index] = stream.float(index) }
        }
    }
}
