/// A claim of the paper, or of a related system, beside what one run shows of it.
public struct Finding: Sendable, Equatable {
    public enum Outcome: String, Sendable, CaseIterable {
        case holds
        case fails = "does not hold"
        /// The difference is within its error.
        case open = "not shown"
        case unmeasured = "not measured"
    }

    /// Whose claim it is; findings of one system stand together. Empty: nobody's in particular.
    public var system = ""
    public var claim: String
    public var outcome: Outcome
    /// The numbers that say so.
    public var evidence: String

    public init(claim: String, outcome: Outcome, evidence: String) {
        self.claim = claim
        self.outcome = outcome
        self.evidence = evidence
    }
}
