package import Checkpoint
package import Protocol
package import Tensors

/// What the results of a task look like, stage by stage: a function of the task, the model and what the stage holds.
package struct TaskContract: Sendable {
    private let result: @Sendable (Range<Int>) -> ResultContract

    /// - Parameter result: of the stage that holds these layers.
    package init(_ result: @escaping @Sendable (_ layers: Range<Int>) -> ResultContract) { self.result = result }

    /// - Parameters:
    ///   - model: whose tensors training moves.
    ///   - operands: what tasks at the level of ranks compute with.
    ///   - trained: which parameters are trained, and how many steps were made by the end of the task.
    package init(
        _ body: TaskBody, of model: any WeightSource, operands: TensorBundle? = nil, trained: Trained? = nil
    ) {
        let config = model.config
        let last = config.layerCount
        switch body {
        case .score(let statistics, let batches):
            self.init { Self.scores(statistics, batches, config, layers: $0) }
        case .likelihood(let batches):
            self.init { $0.upperBound == last ? Self.likelihoods(batches) : ResultContract() }
        case .nextTokens(let batches, let tokens):
            self.init { $0.upperBound == last ? Self.nextTokens(batches, tokens, config) : ResultContract() }
        case .generate(let generation):
            self.init { $0.lowerBound == 0 ? Self.answers(generation, config) : ResultContract() }
        case .train(let training):
            self.init { $0.upperBound == last ? Self.losses(steps: training.steps.count) : ResultContract() }
        case .export, .checkpoint:
            let moments = if case .checkpoint = body { true } else { false }
            let trained = trained ?? Trained(parameters: .all, steps: nil)
            self.init { Self.training(trained, model, moments: moments, layers: $0) }
        case .ranks(let task):
            self.init {
                guard $0.contains(task.layer) else { return ResultContract() }
                return task.kind == .subspaces
                    ? Self.subspaces(task, config) : Self.factors(task, config, operands: operands)
            }
        }
    }

    /// - Parameter layers: what the stage holds; the first layer comes with the embedding, the last with the head.
    package func result(of layers: Range<Int>) -> ResultContract { result(layers) }
}
