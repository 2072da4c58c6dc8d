import Protocol

/// What a task costs, by the tokens it holds.
extension WorkCounter {
    static func task(_ group: TaskBody.Generation) -> Work.Task {
        let count = group.prompts.count
        let shared =
            count < 2 ? 0 : CommonPrefix.length(group.prompts, atMost: group.prompts.map(\.count).min()! - 1)
        let rows = min(group.slots, max(1, count))
        return Work.Task(
            tokens: shared + group.prompts.reduce(0) { $0 + $1.count - shared }, scored: count,
            steps: (count + rows - 1) / rows * group.maxNewTokens, rows: rows)
    }

    static func tasks(_ batches: [Batch]) -> [Work.Task] {
        batches.map { batch in
            Work.Task(
                tokens: batch.tokenCount,
                scored: batch.sequences.reduce(0) { $0 + $1.tokens.count - $1.scoredFrom })
        }
    }
}
