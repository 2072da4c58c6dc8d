package import Keys
package import Logging
import Reporting
package import Scheduling

/// Who the workers are, where they report, and by which rules the fleet decides.
@dynamicMemberLookup
package struct FleetSettings: Sendable {
    /// What the state machine decides by.
    package var policy: FleetPolicy
    /// `tcp://host:port` or `host:port` to listen at (also ipc:// for tests).
    package var listen: String?
    /// Where workers read how to reach this coordinator; removed at the end.
    package var joinFile: String?
    package var insecurePlainTCP = false
    /// For TCP: encrypts it, and lets in whom the keys' list names. ipc stays plain.
    package var keys: CoordinatorKeys?
    /// Tests: `false` leaves out the handler that answers handshakes, which must not go unnoticed.
    package var answersHandshakes = true
    package var threadsPerWorker: Int?
    /// GiB for each local worker; `nil`: its share of this machine's memory.
    package var memoryPerWorker: Double?
    package var workerExecutable = "faultline-worker"
    /// More words for local workers' command lines.
    package var workerArguments: [String] = []
    package var runDirectory: String
    /// Where people and programs read what happens.
    package var logger = Logger.silent
    /// What happened last, for status.
    package var recent: @Sendable () -> [RunEvent] = { [] }
    /// Shows the run while it lasts, as a status page does; `nil`: nothing does.
    package var view: (any FleetView)?
    /// Told the endpoint as soon as workers can connect to it.
    package var bound: @Sendable (String) -> Void = { _ in }

    /// Is given all that is logged, as values: for the run's journal, and for tests. Must not block.
    package var happened: @Sendable (any Occurrence) -> Void = { _ in }
    /// Seconds that a worker whose connection broke has to come back before its work goes elsewhere.
    package var returning = 0.5
    /// Seconds that a restarted run waits for the other stages of a pipeline of which some have come back.
    package var reunion = 15.0
    /// Seconds: wait for registration; wait for a model to be loaded.
    package var registration = 60.0
    package var loading = 1800.0
    /// The signal by which the run was asked to end, and the words that say how it goes on.
    package var stopSignal: @Sendable () -> Int32? = { nil }
    package var resume = ""

    package init(runDirectory: String) {
        self.runDirectory = runDirectory
        policy = FleetPolicy(run: FleetPolicy.newRun())
    }

    package subscript<Value>(dynamicMember path: WritableKeyPath<FleetPolicy, Value>) -> Value {
        get { policy[keyPath: path] }
        set { policy[keyPath: path] = newValue }
    }

    /// Tells the journal and the log.
    package func report(_ occurrence: some Occurrence) {
        happened(occurrence)
        logger.report(occurrence)
    }
}
