/// Fine-tuned weights that are in the workers' memory only, and what has become of them.
struct HeldTraining: Sendable {
    /// The workers hold them.
    private(set) var isHeld = false
    /// The present tasks train.
    private var isUnderWay = false
    /// Why they are gone, until the next run hears of it.
    private var loss: InterruptionCause?

    /// Other weights are current.
    mutating func forget() { (isHeld, loss) = (false, nil) }

    /// An edit says the same as they do.
    mutating func isOnRecord() { isHeld = false }

    /// Tasks begin.
    /// - Returns: why the weights that they would compute with are gone; `nil`: they are not.
    mutating func begin(trains: Bool) -> InterruptionCause? {
        if trains { forget() }
        isUnderWay = trains
        defer { loss = nil }
        return loss
    }

    /// The tasks are over, and have left weights in the workers' memory.
    mutating func end() { isHeld = loss == nil }

    /// A pipeline is gone.
    /// - Parameter isBetweenRuns: no task is left to compute.
    /// - Returns: whether the driver has to hear of it now.
    mutating func lost(_ cause: InterruptionCause, isBetweenRuns: Bool) -> Bool {
        isHeld = false
        if isBetweenRuns { loss = cause }
        return !isBetweenRuns
    }

    /// A pipeline is gone after the last step, before the driver heard that it was the last.
    mutating func lostAtTheEnd(_ cause: InterruptionCause) { if isUnderWay { loss = cause } }
}
