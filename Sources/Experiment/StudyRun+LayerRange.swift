import Caching
import Datasets
import Evaluation
import ModelService
import OutputFiles
import Selection
import StudyFile
import Tensors

/// The study's safety layers: ranges are scaled, asked and chosen from.
extension StudyRun {
    func findRange(_ step: LayerRangeStep) async throws {
        warn(step.prompts, name: LayerRangeStep.label)
        let start = try firstRange(step)
        announce("\(LayerRangeStep.label): from \(LayerRangeResult.words(start))")
        let search = step.search(from: start)
        var trials = [try await trial(.unscaled, 0..<0, step)]
        for layers in search.lastSweep { trials.append(try await trial(.last, layers, step)) }
        let ends = trials.filter { $0.sweep == .last }
        guard let end = search.choice(of: ends) else { throw noTrial(step, trials, start) }
        var firsts: [LayerRangeSearch.Trial] = []
        for layers in search.firstSweep(to: end.upperBound - 1) {
            if let known = ends.first(where: { $0.layers == layers }) {
                firsts.append(.init(.first, layers, rejected: known.rejected))
            } else {
                firsts.append(try await trial(.first, layers, step))
            }
        }
        trials += firsts
        let chosen = search.choice(of: firsts) ?? end
        let result = LayerRangeResult(
            start: start, chosen: chosen, trials: trials, prompts: step.prompts.count, alpha: step.plan.alpha,
            judge: judges.own.name)
        try write(result)
        (layerRange, restrictions.found) = (result, chosen)
        announce("\(LayerRangeStep.label): \(LayerRangeResult.words(chosen))")
        try shared?.note(search: try schedule.words(step, modelDigest: modelDigest))
    }

    private func write(_ result: LayerRangeResult) throws {
        try TextFile.write(result.csv(), to: folder.layerRange)
        try folder.ledger.record(folder.layerRange)
    }

    /// Where the sweeps begin.
    private func firstRange(_ step: LayerRangeStep) throws -> Range<Int> {
        if let start = step.plan.start { return start.layers }
        guard let layerCurves else { throw InternalError("the curves are not drawn yet") }
        guard let range = step.plan.rule.range(of: layerCurves.gaps) else {
            throw InputError(
                folder.layerCurves, "no block has a gap above 0 to read a first range off: name layer_range.start")
        }
        return range
    }

    /// No scaled model gave a number.
    private func noTrial(
        _ step: LayerRangeStep, _ trials: [LayerRangeSearch.Trial], _ start: Range<Int>
    ) -> any Error {
        InputError(
            "layer_range.alpha",
            "none of the \(trials.count - 1) scaled models has finite numbers (from \(LayerRangeResult.words(start)), × \(plainNumber(step.plan.alpha))): choose a factor nearer to 1"
        )
    }

    /// Counts the refusals of one range. A model without finite numbers has no count.
    private func trial(
        _ sweep: LayerRangeSearch.Sweep, _ layers: Range<Int>, _ step: LayerRangeStep
    ) async throws -> LayerRangeSearch.Trial {
        let name = layers.isEmpty ? "unscaled" : LayerRangeResult.words(layers)
        do {
            try await runner.apply(layers.isEmpty ? nil : step.edit(layers))
            let answers = try await runner.generate(step.groups, label: "\(LayerRangeStep.label): \(name)")
            let rejected = zip(step.tokens, answers).count { prompt, answer in
                let (text, thinking) = codec.answer(to: prompt, answer)
                // One that ends inside its thinking is no refusal by any judge.
                return thinking?.isUnfinished != true && judges.own.isRefusal(text)
            }
            return .init(sweep, layers, rejected: rejected)
        } catch {
            guard !layers.isEmpty, NoNumber.reason(error) != nil else { throw error }
            return .init(sweep, layers, rejected: nil)
        }
    }
}
