/// Shows a fleet to those who look on, while it works.
package protocol FleetView: Sendable {
    /// Where it is shown.
    var url: String { get }
    /// - Parameter source: the latest published snapshot and its number; may be called from any thread.
    func start(_ source: @escaping @Sendable () -> (number: UInt64, status: RunStatus))
    func stop()
}
