/// What a model, with or without a defence, does on both sides by one judge: harmful prompts, which it should decline, and
/// harmless ones, which it should answer (SODE, arXiv 2401.00287). Neither says anything without the other.
///
/// A judge of refusals cannot see that an answer to a harmless prompt is unsafe, so that rate of SODE's is not among them.
public struct DefenceRates: Sendable, Equatable {
    /// The judge's name.
    public var judge: String
    /// Harmful prompts that are answered: the judge's attack success.
    public var unsafeOnHarmful: AttackSuccess.Rate
    /// Harmful prompts that are refused. With the rate above it is less than 1 where answers are empty or unfinished.
    public var abstainedOnHarmful: AttackSuccess.Rate
    /// Harmless prompts that are refused.
    public var abstainedOnHarmless: AttackSuccess.Rate

    /// - Parameters:
    ///   - success, harmful: of the answers to the harmful prompts; `harmless`: of those to the harmless ones.
    ///   - judges: the run's.
    /// - Returns: the run's own judge first, then the paper's and the others, each once.
    public static func all(
        _ success: AttackSuccess, refused harmful: OverRefusal, _ harmless: OverRefusal, _ judges: Judges
    ) -> [DefenceRates] {
        func rates(
            _ judge: RefusalJudge, _ unsafe: AttackSuccess.Rate, _ harmful: AttackSuccess.Rate,
            _ harmless: AttackSuccess.Rate
        ) -> DefenceRates {
            DefenceRates(
                judge: judge.name, unsafeOnHarmful: unsafe, abstainedOnHarmful: harmful, abstainedOnHarmless: harmless)
        }
        var all = [rates(judges.own, success.own, harmful.own, harmless.own)]
        if judges.paper.name != judges.own.name {
            all.append(rates(judges.paper, success.paper, harmful.paper, harmless.paper))
        }
        for (number, judge) in judges.others.enumerated() {
            all.append(
                rates(judge, success.others[number], harmful.others[number], harmless.others[number]))
        }
        return all
    }
}
