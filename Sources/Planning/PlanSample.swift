import Checkpoint
import Datasets
import Evaluation
package import Experiment
import Protocol
import Selection
import StudyFile

/// What a fleet's rates are measured with: some of the studies' own texts.
package enum PlanSample {
    /// Sequences that are enough for every measurement.
    private static let count = 64

    /// - Parameter schedules: of all studies; there is at least one.
    /// - Throws: `InputError` where a pair cannot be laid out.
    package static func of(_ schedules: [StudySchedule]) throws -> RateMeasure.Sample {
        var sequences: [TokenSequence] = []
        for schedule in schedules {
            for case .pairs(let step) in schedule.steps.reversed() {
                guard case .read(let pairs) = step.content, sequences.count < count else { continue }
                sequences += try Calibration.groups(Array(pairs.prefix(count)), codec: schedule.codec).flatMap(
                    \.sequences)
            }
            for prompt in schedule.conditions.flatMap(\.questions.groups).flatMap(\.prompts)
            where sequences.count < count {
                sequences.append(TokenSequence(tokens: prompt, scoredFrom: max(1, prompt.count / 2)))
            }
        }
        let study = schedules[0].study
        let limit = min(study.batchTokens, 256)
        sequences = sequences.filter { $0.tokens.count <= limit && $0.scoredFrom < $0.tokens.count }
        var statistics = schedules.reduce(into: Set<StatisticRequest>()) { $0.formUnion($1.scoring?.statistics ?? []) }
        let trains = schedules.flatMap(\.conditions).contains { if case .training = $0.change { true } else { false } }
        // Training differentiates as scoring does.
        if trains { statistics.insert(.absoluteGradient(study.scores.loss)) }
        return RateMeasure.Sample(
            sequences: sequences, slots: min(study.evaluation.slots, max(1, sequences.count)),
            statistics: statistics.isEmpty ? nil : Array(statistics), batchTokens: study.batchTokens)
    }
}
