import StudyFile
import StudyReport
import Testing

/// What a study's conditions say of themselves to the claims.
@Suite struct OriginTests {
    private func study(_ conditions: String, top: String = "") throws -> Study {
        try Study(
            yaml: """
                model: m
                calibration: {safety: {pairs: s.jsonl}, utility: {pairs: u.jsonl}}
                \(top)
                conditions:
                  - unedited
                \(conditions.split(separator: "\n").map { "  - \($0)" }.joined(separator: "\n"))
                evaluation:
                  harmful: h.txt
                  harmless: g.txt
                """, file: "s.yaml")
    }

    /// A mask is known by the condition that made it: as many random weights are none that safety chose.
    @Test func whatFineTuningKeeps() throws {
        let units = "units: {class: [safety, complex], safety: 1, utility: 1, redundant: 1}"
        let own = try study(
            """
            {name: safety, set_difference: {p: 1, q: 3}}
            {name: random, random: {like: safety}}
            {name: least, bottom: {q: 3}}
            {name: scu, units: {class: safety, safety: 1}}
            {name: free, finetune: {pairs: p.jsonl, epochs: 1}}
            {name: a, finetune: {pairs: p.jsonl, epochs: 1, freeze: safety}}
            {name: b, finetune: {pairs: p.jsonl, epochs: 1, rewind: safety}}
            {name: c, finetune: {pairs: p.jsonl, epochs: 1, freeze: random}}
            {name: d, finetune: {pairs: p.jsonl, epochs: 1, freeze: least}}
            {name: e, finetune: {pairs: p.jsonl, epochs: 1, freeze: scu}}
            {name: f, finetune: {pairs: p.jsonl, epochs: 1, rewind: scu}}
            {name: g, finetune: {pairs: p.jsonl, epochs: 1, freeze: {\(units)}}}
            {name: h, finetune: {pairs: p.jsonl, epochs: 1, freeze: {layers: 1-2}}}
            """, top: "statistics: [{statistic: unit_variance, harmful: h.txt, harmless: g.txt}]")
        var kept: [String: KeptWeights?] = [:]
        for condition in own.conditions {
            if let settings = condition.fineTune { kept[condition.name] = KeptWeights(settings, in: own) }
        }
        let expected: [String: KeptWeights?] = [
            "free": nil, "a": .safetyWeights, "b": .safetyWeights, "c": nil, "d": nil, "e": .safetyUnits, "f": nil,
            "g": .safetyUnits, "h": .layers,
        ]
        for (name, what) in expected { #expect(kept[name] == .some(what), "\(name)") }
    }

    @Test func whatARepairStartsFrom() throws {
        let tuning = "finetune: {pairs: p.jsonl, epochs: 1, lora: {rank: 2, alpha: 4, maps: [q]}}"
        let own = try study(
            """
            {name: lora, \(tuning)}
            {name: unaligned, \(tuning)}
            {name: resta, task_vector: {of: lora, from: unaligned}}
            {name: away, task_vector: {of: lora, from: unaligned, scale: -1}}
            {name: back, task_vector: {of: lora, from: lora}}
            {name: other, task_vector: {of: lora, to: unaligned}}
            {name: antidote, antidote: {of: lora, pairs: h.jsonl}}
            {name: safe-lora, safe_lora: {of: lora, base: b}}
            {name: told, defence: {strategy: instruction, of: lora}}
            """)
        let starts = own.conditions.filter { $0.method.startsFrom != nil }
        #expect(starts.map(\.name) == ["resta", "antidote", "safe-lora", "told"])
        #expect(starts.allSatisfy { $0.method.startsFrom == "lora" })
    }

    @Test func movesAreAlongOneRandomDirection() throws {
        let own = try study(
            """
            {name: a, landscape: {alpha: 0.1, seed: 3}}
            {name: b, landscape: {alpha: -0.2, seed: 3}}
            {name: zero, landscape: {alpha: 0}}
            {name: plane, landscape: {alpha: 0.1, beta: 0.1}}
            {name: read, landscape: {alpha: 0.1, direction: d.safetensors}}
            """)
        let moves = own.conditions.map { LandscapeMove($0.method) }
        #expect(moves.map { $0?.alpha } == [nil, 0.1, -0.2, nil, nil, nil])
        #expect(moves[1]?.direction == moves[2]?.direction)
    }
}
