import Checkpoint
import Evaluation
import Experiment
package import Reporting
package import Selection

/// What the overlap of safety and utility says of the two kinds of linear maps.
package enum MapClaims {
    private static let attention: [LinearMap] = [.q, .k, .v, .o]

    /// Mean overlap of the MLP maps beside that of the attention maps, over all layers.
    package static func separates(_ values: [Overlap.Value], symbol: String, name: String) -> Finding {
        let claim = "MLP maps separate safety from utility more than attention maps do, by \(name): lower \(symbol)"
        let kinds = attention.map(\.rawValue)
        let own = values.filter { kinds.contains(OverlapTable.place($0.map).kind) }.map(\.value)
        let mlp = values.filter { !kinds.contains(OverlapTable.place($0.map).kind) }.map(\.value)
        guard own.count > 1, mlp.count > 1 else { return Claims.unmeasured(claim, "overlap of \(name)") }
        let (a, b) = (Estimate(meanOf: mlp), Estimate(meanOf: own))
        let difference = Difference(a, minus: b)
        func words(_ estimate: Estimate) -> String {
            Format.estimate(estimate.value, estimate.standardError, decimals: 3)
        }
        return Finding(
            claim: claim, outcome: difference.isBelow ? .holds : difference.isAbove ? .fails : .open,
            evidence: "Mean \(symbol) of \(mlp.count) MLP maps \(words(a)), of \(own.count) attention maps \(words(b))."
        )
    }
}
