import Protocol

/// Which kernels the whole fleet runs, so that its bits do not depend on who computes.
package struct KernelAgreement: Sendable {
    /// OpenBLAS's, of the weakest of the first workers.
    package private(set) var level: String?
    /// The version of our own kernels that most of the first workers run: it cannot be lowered, so others are refused.
    package private(set) var simd: Int?

    /// Once as many as are wanted are there, the fleet keeps to what suits them.
    mutating func agree(_ membership: Membership, wanted: Int) {
        if level == nil {
            guard membership.members.count >= wanted else { return }
            level = membership.commonLevel?.name
        }
        guard level != nil, simd == nil else { return }
        let levels = membership.members.values.map(\.capabilities.simdLevel)
        simd = Set(levels).max { a, b in (levels.count { $0 == a }, a) < (levels.count { $0 == b }, b) }
    }
}
