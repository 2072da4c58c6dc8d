import Tensors

extension FleetRunner {
    /// The weights a task computes with, known by a digest of what made them.
    enum Weights {
        case edited(TensorBundle?, name: String, digest: String)
        /// The checkpoint's, with tensors that tasks compute with.
        case operands(TensorBundle, digest: String)
        case trained(FineTuning, rewound: TensorBundle?)

        var digest: String {
            switch self {
            case .edited(_, _, let digest), .operands(_, let digest): digest
            case .trained(let run, nil): run.digest
            case .trained(let run, _?): run.rewoundDigest
            }
        }
    }
}
