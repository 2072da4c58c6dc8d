import Checkpoint
import FleetIO
package import ModelService
import Protocol
import Scheduling
import Selection
import Tensors

/// Work at the level of ranks.
extension FleetRunner {
    /// Sends every group's operands to the workers, runs its tasks, and writes all results into one file.
    /// - Throws: `FleetError` where the work is given up; what making the operands throws; `SelectionError` or
    ///   `TensorFileError` where the file cannot be made; `JournalError`.
    package func compute(_ request: RankRequest, label: String) async throws {
        let before = weights
        defer { weights = before }
        var parts: [StageResult] = []
        var keys: [String] = []
        for (number, group) in request.groups.enumerated() {
            let bundle = Operands(try group.operands()).bundle
            weights = .operands(bundle, digest: bundle.image().sha256())
            let words = request.groups.count == 1 ? label : "\(label) (\(number + 1) of \(request.groups.count))"
            keys += try run(
                group.tasks.map { FleetTask(body: .ranks($0), cost: 1) }, label: words, unit: "layers",
                copies: ModelPlan.Copies.ranks(checkpoint.config)
            ) {
                parts += $1
            }
        }
        // One block of many partials: every tensor is there once, and comes out as it is.
        try blockResults.fold([parts], to: request.output, metadata: request.metadata)
        try memory?.forget(keys)
    }
}
