package import Checkpoint
package import Selection
package import Tensors

/// The study file's `layer_range`: how the study finds the blocks that tell malicious from normal prompts (Safety Layers,
/// arXiv 2408.17003, section 3.3).
extension Study {
    package struct LayerRangePlan: Sendable, Equatable {
        /// Harmless prompts that the model refuses now and then.
        package var prompts: PromptSet
        /// What the blocks' linear maps are multiplied by.
        package var alpha: Double
        /// Where the sweeps begin; `nil`: read off the study's curves by `rule`.
        package var start: LayerRange?
        package var rule = GapRule()
        /// Blocks that either end moves, to both sides.
        package var reach = 5
        package var aim: LayerRangeSearch.Aim
        /// Which maps, in the order of `LinearMap.allCases`.
        package var maps = LinearMap.allCases
        /// The published number of new tokens.
        package var maxNewTokens = 16

        package init(prompts: PromptSet, alpha: Double) {
            (self.prompts, self.alpha) = (prompts, alpha)
            aim = alpha > 1 ? .most : .fewest
        }

        /// How it is found, and where its file lies in the run's folder.
        package var title: String {
            let first =
                start?.title
                ?? "read off the curves (appears \(plainNumber(100 * rule.appears)) %, smooths \(plainNumber(100 * rule.smooths)) %)"
            return
                "linear maps\(ScaleMethod.words(maps)) × \(plainNumber(alpha)), \(aim.rawValue) refusals of \(prompts.file) in \(maxNewTokens) tokens, from \(first), \(reach) blocks to both sides: layer-range.csv"
        }

        /// - Throws: `InputError` where the model has fewer blocks.
        package func check(_ config: ModelConfig) throws(InputError) {
            try start?.check(config, at: "layer_range.start")
        }
    }

    static func layerRange(_ top: StudyNode, _ path: (String) -> String) throws(InputError) -> LayerRangePlan? {
        let keys = [
            "prompts", "alpha", "start", "bounds", "appears", "smooths", "reach", "pick", "maps", "max_new_tokens",
        ]
        guard let node = try top.mapping("layer_range", keys: keys) else { return nil }
        let alpha = try node.required("alpha") { key throws(InputError) in try node.number(key, in: 0...1e6) }
        guard alpha > 0, alpha != 1 else {
            throw node.error("alpha", "= \(plainNumber(alpha)) has to be above 0, and not 1")
        }
        var plan = LayerRangePlan(
            prompts: try node.required("prompts") { key throws(InputError) in try prompts(node, key, path) },
            alpha: alpha)
        if node.has("start") {
            for other in ["appears", "smooths"] where node.has(other) {
                throw node.error(other, "goes with a start that is read off the curves")
            }
            plan.start = try LayerRange(node, key: "start")
        } else if node.has("bounds") {
            throw node.error("bounds", "goes with start")
        }
        plan.rule.appears = try node.percent("appears").map { $0 / 100 } ?? plan.rule.appears
        plan.rule.smooths = try node.percent("smooths").map { $0 / 100 } ?? plan.rule.smooths
        guard plan.rule.appears > 0 else { throw node.error("appears", "= 0 is a gap that is always there") }
        plan.reach = try node.integer("reach", in: 0...1_000_000) ?? plan.reach
        plan.aim = try node.choice("pick", as: LayerRangeSearch.Aim.self) ?? plan.aim
        plan.maps = try ScaleMethod.maps(node)
        plan.maxNewTokens = try node.integer("max_new_tokens", in: 1...100_000) ?? plan.maxNewTokens
        return plan
    }

    func checkLayerRange(_ top: StudyNode) throws(InputError) {
        guard let layerRange, layerRange.start == nil, layerCurves == nil else { return }
        throw top.error("layer_range", "needs layer_curves to read its first range off, or start")
    }
}
