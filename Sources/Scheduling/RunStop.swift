/// The end of a run before its time: asked for, then reached.
struct RunStop: Sendable {
    /// The run is to end by then; `nil`: it was not asked to.
    private(set) var deadline: Double?
    private(set) var isReached = false

    var isAskedFor: Bool { deadline != nil }

    /// - Parameter time: by when the run is to end; an earlier one that was asked for stays.
    mutating func ask(by time: Double) { deadline = min(deadline ?? .infinity, time) }

    mutating func reach() { isReached = true }
}
