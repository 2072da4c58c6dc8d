/// A failure of the fleet in one line for the user.
package struct FleetError: Error, Sendable, Equatable, CustomStringConvertible {
    package var description: String
    /// The user's arguments are the cause: exit code 2.
    package var isUsage: Bool
    /// Where it came in the middle of the work.
    package var failure: FleetFailure?
    package init(_ description: String, isUsage: Bool = false) {
        self.description = description
        self.isUsage = isUsage
    }

    package init(_ failure: FleetFailure) {
        self.init("\(failure)")
        self.failure = failure
    }
}
