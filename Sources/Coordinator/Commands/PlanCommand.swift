package import ArgumentParser
import Checkpoint
import Reporting
import Selection

package struct PlanCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "plan", abstract: "Checks a study and says what it will compute and store, without doing it.")

    @Argument(help: "The study (YAML).")
    package var study: String

    package init() {}

    package func run() async throws {
        let study = try Study(contentsOf: study)
        let checkpoint = try Checkpoint.open(study.model)
        try study.checkShares(checkpoint.config)
        let codec = try ChatCodec(checkpoint, template: study.template, system: study.system)
        let evaluator = try Evaluator(
            study.evaluation, seed: study.seed, batchTokens: study.batchTokens,
            maxPositions: checkpoint.config.maxPositions,
            codec: codec)
        Terminal.out(
            StudyPlan(study, config: checkpoint.config, evaluator: evaluator).table().text(unicode: Terminal.isUnicode))
    }
}
