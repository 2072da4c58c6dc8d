extension StudyRun {
    /// What the user should know of a condition's results.
    package static func warnings(_ result: ConditionResult) -> [String] {
        var lines: [String] = []
        switch result.remark {
        case .changesNothing(let reason)?: lines.append("condition \(result.name) changes nothing: \(reason)")
        case .keepsNothing(let reason)?: lines.append("condition \(result.name) keeps nothing: \(reason)")
        case .notFinite(let reason)?: lines.append("condition \(result.name) has no measures: \(reason)")
        case nil: break
        }
        let (count, all) = result.unfinished
        if count > 0 {
            lines.append(
                "condition \(result.name): \(count) of \(all) answers ended inside their thinking; they count neither as refusals nor as successes: allow more new tokens"
            )
        }
        return lines
    }
}
