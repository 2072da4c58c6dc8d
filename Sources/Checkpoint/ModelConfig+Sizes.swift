/// How many numbers a model of this configuration holds.
extension ModelConfig {
    /// Numbers in a checkpoint of this model; a tied embedding counts once.
    package var parameterCount: Int { tensorShapes.reduce(0) { $0 + $1.shape.reduce(1, *) } }

    /// Weights of one decoder layer's linear maps.
    package var layerWeightCount: Int {
        LinearMap.allCases.reduce(0) { $0 + $1.shape(in: self).rows * $1.shape(in: self).columns }
    }

    /// Weights of all linear maps of the decoder layers.
    package var mapWeightCount: Int { layerWeightCount * layerCount }
}
