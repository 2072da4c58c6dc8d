import Caching
import Checkpoint
import Datasets
import Evaluation
import Foundation
import ModelService
import OutputFiles
import Protocol
import Selection
import StudyFile
import Tensors

/// The study's refusal direction: candidates are made, tried and chosen from.
extension StudyRun {
    func findDirection(_ step: DirectionStep) async throws {
        let lists = step.lists
        for prompts in [lists.trainHarmful, lists.trainHarmless, lists.validationHarmful, lists.validationHarmless] {
            warn(prompts.texts, name: DirectionStep.label)
        }
        try Files.makeFolder(Paths.folder(of: folder.direction))
        try await runner.apply(nil)
        let tokens = try await refusalTokens(step)
        announce("\(DirectionStep.label): refusals begin with \(Self.text(tokens, codec))")
        let kept = try await filtered(step, tokens)
        let means = try await means(step, kept)
        let candidates = try await candidates(step, kept, means, tokens)
        try DirectionTable.write(
            candidates, rules: step.plan.rules, layers: model.config.layerCount, to: folder.directionTable)
        try folder.ledger.record(folder.directionTable)
        guard let choice = step.plan.rules.choice(candidates, layers: model.config.layerCount) else {
            throw InputError(
                folder.directionTable,
                "no candidate is left: \(DirectionTable.counts(candidates, step.plan.rules, model.config.layerCount)); loosen refusal_direction's kl, induce or layers_below"
            )
        }
        try write(candidates[choice], means, tokens)
        try shared?.note(search: schedule.words(step))
    }

    /// The direction as a file, and as a control vector where the format has a place for it.
    private func write(_ chosen: DirectionCandidate, _ means: TensorBundle, _ tokens: [Int32]) throws {
        var direction = try ResidualDirection(
            of: means, layer: chosen.layer, position: chosen.position, config: model.config)
        direction.metadata = provenance.modelMetadata
        direction.metadata["refusal_tokens"] = tokens.map(String.init).joined(separator: ",")
        for (key, value) in [
            ("refusal", chosen.refusal), ("induced", chosen.induced), ("divergence", chosen.divergence),
        ] {
            direction.metadata[key] = value.map { "\($0)" }
        }
        try direction.bundle.write(safetensors: folder.direction)
        try folder.ledger.record(folder.direction)
        announce("\(DirectionStep.label): block \(chosen.layer), position \(chosen.position)")
        if let fault = ControlVector.fault(direction) {
            announce("\(DirectionStep.label): no control vector: \(fault)")
        } else {
            try ControlVector.write(direction, of: model.config, to: folder.controlVector)
            try folder.ledger.record(folder.controlVector)
        }
    }

    private static func text(_ tokens: [Int32], _ codec: any TextCodec) -> String {
        tokens.map { "\($0) \"\(codec.spell([$0]))\"" }.joined(separator: ", ")
    }

    // MARK: Refusal tokens

    /// The given ones, or those that a tenth or more of the model's own refusals begin with.
    private func refusalTokens(_ step: DirectionStep) async throws -> [Int32] {
        if let tokens = step.tokens { return tokens }
        let label = "\(DirectionStep.label): own refusals"
        let answers = try await runner.generate(step.answers, label: label)
        var first: [Int32] = []
        for (prompt, answer) in zip(step.lists.trainHarmful.tokens, answers) {
            let (text, thinking) = codec.answer(to: prompt, answer)
            // Thinking begins alike whatever follows.
            guard thinking == nil, let token = answer.first, judges.own.isRefusal(text) else { continue }
            first.append(token)
        }
        guard !first.isEmpty else {
            throw InputError(
                step.plan.harmful.file,
                "the model refused none of the \(answers.count) prompts, or thought before (judge: \(judges.own.name)): name refusal_direction.refusal_tokens"
            )
        }
        return RefusalTokens.frequent(first).sorted()
    }

    /// Refusal log-odds of the current model, one a prompt.
    private func odds(
        _ step: DirectionStep, _ prompts: DirectionStep.Prompts, _ tokens: [Int32], _ label: String
    ) async throws -> [Double] {
        guard !prompts.tokens.isEmpty else { return [] }
        let batches = try step.batches(prompts, isWhole: false)
        return try await runner.nextTokens(batches, of: tokens, label: label).map { RefusalLogOdds.value($0) }
    }

    /// Harmful prompts that the unedited model leans to refuse, and harmless ones that it does not.
    private func filtered(_ step: DirectionStep, _ tokens: [Int32]) async throws -> DirectionStep.Lists {
        guard step.plan.isFiltered else { return step.lists }
        var lists = step.lists
        let all: [(WritableKeyPath<DirectionStep.Lists, DirectionStep.Prompts>, isHarmful: Bool, String)] = [
            (\.trainHarmful, true, "harmful training"), (\.trainHarmless, false, "harmless training"),
            (\.validationHarmful, true, "harmful validation"), (\.validationHarmless, false, "harmless validation"),
        ]
        for (path, isHarmful, name) in all {
            let prompts = lists[keyPath: path]
            let odds = try await odds(step, prompts, tokens, "\(DirectionStep.label): \(name) prompts")
            lists[keyPath: path] = prompts.filtered(odds.map { isHarmful ? $0 > 0 : $0 < 0 })
            let count = lists[keyPath: path].texts.count
            guard count > 0 else {
                throw InputError(
                    isHarmful ? step.plan.harmful.file : step.plan.harmless.file,
                    "the model leans to \(isHarmful ? "refuse" : "answer") none of the \(odds.count) \(name) prompts; filter: false keeps them all, refusal_tokens says what refusals begin with"
                )
            }
            if count < odds.count {
                announce("\(DirectionStep.label): \(count) of \(odds.count) \(name) prompts are kept")
            }
        }
        return lists
    }

    // MARK: Candidates

    /// The mean states of both classes.
    private func means(_ step: DirectionStep, _ lists: DirectionStep.Lists) async throws -> TensorBundle {
        let label = "\(DirectionStep.label): mean states"
        let output = folder.direction + ".means"
        defer { Files.removeFile(output) }
        let receipt = try await runner.score([try step.means(lists, output: output)], label: label)
        let entries = try step.request.statistic().finished(
            try TensorBundle(safetensors: output), classes: ["harmful", "harmless"])
        try runner.release(receipt)
        let words = ["option_positions": step.positions.map(String.init).joined(separator: ",")]
        return TensorBundle(metadata: words, entries: entries)
    }

    /// All candidates, position after position.
    private func candidates(
        _ step: DirectionStep, _ lists: DirectionStep.Lists, _ means: TensorBundle, _ tokens: [Int32]
    ) async throws -> [DirectionCandidate] {
        try await runner.apply(nil)
        let whole = try step.batches(lists.validationHarmless, isWhole: true)
        let reference = NextTokenReference(
            try await runner.nextTokens(whole, label: "\(DirectionStep.label): unedited model"))
        var all: [DirectionCandidate] = []
        announce("\(DirectionStep.label): \(step.candidateCount) candidates")
        for position in step.positions {
            for layer in 0..<model.config.layerCount {
                var candidate = DirectionCandidate(position: position, layer: layer)
                if step.tried.contains(layer) {
                    try await measure(&candidate, step, lists, means, tokens, whole, reference)
                }
                all.append(candidate)
            }
        }
        return all
    }

    /// Tries a candidate. One without finite numbers has none.
    private func measure(
        _ candidate: inout DirectionCandidate, _ step: DirectionStep, _ lists: DirectionStep.Lists,
        _ means: TensorBundle, _ tokens: [Int32], _ whole: [Batch], _ reference: NextTokenReference
    ) async throws {
        (candidate.refusal, candidate.induced, candidate.divergence) = (.nan, .nan, .nan)
        let place = "block \(candidate.layer), position \(candidate.position)"
        let difference = try ResidualState.meanDifference(
            of: means, .input(candidate.layer), position: candidate.position)
        guard
            let direction = try? ResidualDirection(
                difference: difference, layer: candidate.layer, position: candidate.position,
                layerCount: model.config.layerCount)
        else { return }
        func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }
        do {
            try await runner.apply(Ablation(direction.unit.map { Float($0) }))
            candidate.refusal = mean(
                try await odds(step, lists.validationHarmful, tokens, "\(place): refusals under ablation"))
            candidate.divergence = mean(
                try await runner.divergence(
                    whole, from: reference, epsilon: 1e-6, label: "\(place): divergence under ablation"))
            let added = Steering(
                vectors: [:], inputs: [candidate.layer: difference.map { Float($0) }], start: .position(0))
            try await runner.apply(added)
            candidate.induced = mean(
                try await odds(step, lists.validationHarmless, tokens, "\(place): refusals under addition"))
        } catch {
            guard NoNumber.reason(error) != nil else { throw error }
        }
    }
}
