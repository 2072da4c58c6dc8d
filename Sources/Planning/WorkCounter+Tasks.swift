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

    /// Blocks of a statistic, which needs no head.
    static func tasks(blocks: [[Batch]]) -> [Work.Task] {
        blocks.map { block in Work.Task(tokens: block.reduce(0) { $0 + $1.tokenCount }) }
    }

    /// The head is evaluated once a prompt.
    static func tasks(prompts batches: [Batch]) -> [Work.Task] {
        batches.map { Work.Task(tokens: $0.tokenCount, scored: $0.exampleCount) }
    }

    static func tasks(_ batches: [Batch]) -> [Work.Task] {
        batches.map { batch in
            Work.Task(
                tokens: batch.tokenCount,
                scored: batch.sequences.reduce(0) { $0 + $1.tokens.count - $1.scoredFrom })
        }
    }
}
