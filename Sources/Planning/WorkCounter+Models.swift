import Experiment
import ModelService
import Protocol
import StudyFile

/// What models are called in a count where no words decide their weights.
extension WorkCounter {
    /// What decides a condition's weights where no key does.
    func weightsName(_ step: ConditionStep) throws -> String {
        guard case .training(let training) = step.change else {
            return "\(step.condition.method) \(study.seed) \(study.probe.map { "\($0)" } ?? "")"
        }
        return try trained(training, training.settings.restriction)
    }

    /// The run's own task, and which weights are kept from it.
    func trained(_ step: TrainingStep, _ restriction: Study.Restriction?) throws -> String {
        let training = try TaskBody.train(step.training).digest()
        guard let restriction else { return "trained \(training)" }
        var parts = ["trained", training, restriction.kind.rawValue]
        switch restriction.weights {
        case .mask(let name):
            let other = study.conditions.first { $0.name == name }
            parts.append(other.flatMap { editKey($0) } ?? other.map { "\($0.method)" } ?? name)
        case .share(let share):
            parts += ["\(share)", "\(study.scores)", "\(study.seed)"] + data.values.map(\.name).sorted()
        case .units, .layers, .allBut:
            parts += [
                "\(restriction.weights)", "\(study.statistics)", "\(study.seed)",
                "\(study.layerRange.map { "\($0)" } ?? "")", "\(study.layerCurves.map { "\($0)" } ?? "")",
            ]
        }
        return parts.joined(separator: " ")
    }
}
