import Evaluation
import Protocol
import Selection
package import StudyFile

/// How a condition's weights come about, in words that are the same wherever the weights are.
extension StudySchedule {
    /// - Parameters:
    ///   - modelDigest: the study's model's.
    ///   - data: what a side's pairs are known by; `nil`: by nothing yet.
    /// - Returns: `nil` where the words do not decide the weights.
    /// - Throws: what `data` throws; where a file that decides them cannot be read; `ProtocolError` where a block of prompts
    ///   is too large to be sent.
    package func editKey(
        _ condition: Study.Condition, modelDigest: String, data: @escaping (Study.Side) throws -> String?
    ) throws -> String? {
        if condition.isUnedited { return "unedited" }
        let known = KnownInputs(
            data: data, statistic: { try statisticKey($0, modelDigest) }, prompts: evaluator.prompts,
            editKey: { try editKey($0, modelDigest: modelDigest, data: data) })
        guard var parts = try condition.method.fingerprint(condition, in: study, known) else { return nil }
        for side in condition.method.sides {
            guard let known = try data(side) else { return nil }
            parts.append("\(side.rawValue) \(known)")
        }
        return (parts + ["\(study.blockExamples)", "\(study.batchTokens)"]).joined(separator: "; ")
    }

    /// All that decides what the search for the refusal direction asks.
    package func words(_ step: DirectionStep) -> String { step.words(judge: judges.own.name) }

    /// All that decides what the search for the safety layers asks.
    /// - Throws: `ProtocolError` where a block of prompts, or a group, is too large to be sent.
    package func words(_ step: LayerRangeStep, modelDigest: String) throws -> String {
        let statistic = try study.layerCurves.flatMap { try statisticKey($0.statistic, modelDigest) }
        let curves = [study.layerCurves.map { "\($0)" } ?? "", statistic ?? ""].joined(separator: " ")
        return try step.words(judge: judges.own.name, curves: curves)
    }

    /// All that decides a statistic's file.
    private func statisticKey(_ name: String, _ modelDigest: String) throws -> String? {
        guard let step = statistics.first(where: { $0.plan.name == name }) else { return nil }
        return try step.provenance(modelDigest: modelDigest).sorted { $0.key < $1.key }
            .map { "\($0.key)=\($0.value)" }.joined(separator: ", ")
    }
}
