/// What other threads may ask of a running worker.
package enum WorkerOrder: Sendable {
    /// SIGTERM: finish what ends within the grace period, give the rest back, and end. A second time: end soon.
    case leave(String)
    /// Tests: fall silent at once, as a killed process does.
    case vanish
    /// Tests: go on, but say nothing any more; and speak again.
    case mute
    case unmute
    /// Where the coordinator is now, as far as that was found out.
    case found(String?)
    /// Tests: the connection to the coordinator breaks, and is made again.
    case reconnect
}
