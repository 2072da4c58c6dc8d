public import Checkpoint

extension ScoreMethod {
    public static let magnitude = ScoreMethod("magnitude", computes: { WeightScores.magnitude($0.model) })
}

extension WeightScores {
    /// abs(W), a baseline.
    public static func magnitude(_ model: any WeightSource) -> ComputedScores {
        ComputedScores(label: "magnitude", maps: maps(of: model.config)) { map, scores in
            try read(model, map, into: scores)
            for index in scores.indices { scores[index] = abs(scores[index]) }
        }
    }
}
