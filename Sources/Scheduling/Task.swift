package import Contracts
package import Protocol
package import Tensors

/// One task of a run.
package struct FleetTask: Sendable {
    package var body: TaskBody
    /// In tokens; weighs the progress shown.
    package var cost: Double
    /// Tasks of one sequence share state: same pipeline, in order, all again where that pipeline is lost.
    package var sequence: Int?
    /// What people call it: `scoring 3`.
    package var name = ""
    /// What its results look like; `nil`: not checked.
    package var contract: TaskContract?
    /// SHA-256 of the body as it is sent: what workers know it by. Empty: none of their work is taken over.
    package var content = ""

    package init(body: TaskBody, cost: Double, sequence: Int? = nil) {
        self.body = body
        self.cost = cost
        self.sequence = sequence
    }
}

/// One stage's share of a task's result.
package struct StageResult: Sendable {
    package enum Bundle: Sendable {
        case memory(TensorBundle)
        /// A safetensors file in the run's `partials` folder; the receiver removes it when it has folded it.
        case file(String)
    }

    package var stage: Int
    package var layers: Range<Int>
    package var digest: String
    package var bundle: Bundle
    /// Who computed it.
    package var worker: String

    package init(stage: Int, layers: Range<Int>, digest: String, bundle: Bundle, worker: String) {
        self.stage = stage
        self.layers = layers
        self.digest = digest
        self.bundle = bundle
        self.worker = worker
    }

    /// The result in memory, read from its file where it is in one.
    /// - Throws: `TensorFileError`.
    package func load() throws -> TensorBundle {
        switch bundle {
        case .memory(let bundle): bundle
        case .file(let path): try TensorBundle(safetensors: path)
        }
    }
}
